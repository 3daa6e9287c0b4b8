"""Asking the daemon: one request, one answer."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from saltern.errors import LabError

PATIENCE = 300.0  # seconds for one answer; a create boots a node


def call(path: Path, method: str, **params: Any) -> Any:
    """Call a method of the daemon that listens at ``path``; its errors become ours."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(path))
            connection.sendall(json.dumps({"method": method, "params": params}).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise LabError("The lab's daemon does not run.", cure="lab/up starts it.") from error
    except OSError as error:
        raise LabError(f"The lab's daemon did not answer {method}: {error}.", cure="See lab/status.") from error
    answer = json.loads(line) if line else {"error": "The lab's daemon ended before it answered."}
    if "error" in answer:
        raise LabError(answer["error"])
    return answer["result"]
