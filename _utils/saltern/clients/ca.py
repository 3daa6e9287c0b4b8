"""The door of saltern-ca for root: frames of JSON over a Unix socket, whose kernel tells the core who asks."""

from __future__ import annotations

import json
import socket
import struct
from pathlib import Path
from typing import Any

from saltern import paths
from saltern.errors import CertificateError, SigningRefused

HEADER = struct.Struct(">I")
SECONDS = 30.0  # for one call; the core answers within milliseconds, a loaded disk within seconds
KINDS = {"SigningRefused": SigningRefused}


class Ca:
    """Calls to the core of the certificate authority. Root of the support server only.

    :param path: the core's socket.
    """

    def __init__(self, path: str | Path = paths.CA_SOCKET, seconds: float = SECONDS) -> None:
        self._path, self._seconds = str(path), seconds

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """What the core answers to one operation; ``saltern_ca.operations`` lists them.

        :raises SigningRefused: when the core refuses to sign; nothing was signed.
        :raises CertificateError: when it is locked, does not run, or cannot do what was asked.
        """
        asked = json.dumps({"op": operation, "id": 1, **arguments}).encode()
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(self._seconds)
                connection.connect(self._path)
                connection.sendall(HEADER.pack(len(asked)) + asked)
                (length,) = HEADER.unpack(_read(connection, HEADER.size))
                answer = json.loads(_read(connection, length))
        except (OSError, EOFError, ValueError) as error:
            raise CertificateError(
                f"The certificate authority does not answer on {self._path}: {error}.",
                cure="systemctl status saltern-ca; journalctl -u saltern-ca; run this as root of the support server.",
            ) from error
        if "error" in answer:
            kind = KINDS.get(answer.get("kind", ""), CertificateError)
            raise kind(str(answer["error"]), cure=str(answer.get("cure", "")))
        return dict(answer)


def _read(connection: socket.socket, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        chunk = connection.recv(length - len(found))
        if not chunk:
            raise EOFError("the connection was closed")
        found += chunk
    return bytes(found)
