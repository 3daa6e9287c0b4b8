"""The lab's cloud, over the Unix socket of its daemon: JSON lines, one request and one answer a connection."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

from saltern.errors import LabError
from saltern.paths import LAB_SOCKET

PATIENCE = 300.0  # seconds for one answer: a create boots a node on a busy machine
LONGEST_ANSWER = 1 << 24  # bytes


class LabCloud:
    """The methods of the lab's cloud. Every call opens a connection of its own, so it is safe in any process.

    :param path: the daemon's socket.
    :param patience: seconds to wait for one answer.
    """

    def __init__(self, path: str = LAB_SOCKET, patience: float = PATIENCE) -> None:
        self.path, self.patience = path, patience

    def nodes(self) -> list[dict[str, Any]]:
        """Every node: name, id, state, image, size (cpus, memory and disk in bytes), networks, ipv4, ipv6."""
        return self._list("list")

    def node(self, name: str) -> dict[str, Any]:
        """One node, as in ``nodes``.

        :raises LabError: when there is none of this name.
        """
        return self._object("show", name=name)

    def sizes(self) -> list[dict[str, Any]]:
        """The sizes that have a name: name, cpus, memory and disk in bytes."""
        return self._list("sizes")

    def images(self) -> list[dict[str, Any]]:
        """The images: name and id."""
        return self._list("images")

    def create(
        self, name: str, *, image: str, size: dict[str, Any], networks: Sequence[str], userdata: dict[str, Any]
    ) -> dict[str, Any]:
        """Make and boot a node; the cloud chooses its addresses from ``networks``.

        :param size: cpus, memory and disk in bytes.
        :param networks: one of each address family.
        :param userdata: grains, master, master_finger, and ``minion`` for further minion options. It is readable in
            the node: no secret.
        :raises LabError: when the node exists already or cannot be made; nothing is left of it then.
        """
        values = {"image": image, "size": size, "networks": list(networks), "userdata": userdata}
        return self._object("create", name=name, **values)

    def destroy(self, name: str) -> dict[str, Any]:
        """Remove a node with its disk; it is gone when this returns."""
        return self._object("destroy", name=name)

    def minion_key(self, name: str) -> str:
        """The minion's public key as it lies in the node's root file system; empty while there is none."""
        found = self.call("minion_key", name=name)
        return found if isinstance(found, str) else ""

    def act(self, method: str, name: str) -> dict[str, Any]:
        """``start``, ``stop`` (in order), ``kill`` or ``reboot`` a node; returns it as it is then."""
        return self._object(method, name=name)

    def call(self, method: str, **params: Any) -> Any:
        """What the daemon answers to a method of the lab's cloud.

        :raises LabError: its own error, or why it gave no answer.
        """
        request = json.dumps({"method": method, "params": params}).encode() + b"\n"
        try:
            answer = json.loads(self._exchange(request))
        except FileNotFoundError as error:
            cure = "run this on the support node of a lab; on the host, lab/up starts the lab."
            raise LabError(f"{self.path} is not there, so this machine belongs to no lab.", cure=cure) from error
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError) as error:
            what = f"The lab's daemon does not run, or ended before it answered {method}."
            raise LabError(what, cure="lab/up on the host starts it.") from error
        except TimeoutError as error:
            what = f"The lab's daemon did not answer {method} within {self.patience:g} s."
            raise LabError(what, cure="look at lab/status on the host.") from error
        except (OSError, ValueError) as error:
            raise LabError(f"The lab's daemon could not be asked for {method}: {error}.") from error
        if not isinstance(answer, dict) or not answer.keys() & {"result", "error"}:
            raise LabError(f"The lab's daemon gave no answer to {method}.", cure="look at lab/status on the host.")
        if "error" in answer:
            raise LabError(str(answer["error"]))
        return answer["result"]

    def _list(self, method: str) -> list[dict[str, Any]]:
        found = self.call(method)
        if not isinstance(found, list) or not all(isinstance(one, dict) and "name" in one for one in found):
            raise LabError(f"The lab's daemon answered {method} with something else than a list of named things.")
        return found

    def _object(self, method: str, **params: Any) -> dict[str, Any]:
        found = self.call(method, **params)
        if not isinstance(found, dict):
            raise LabError(f"The lab's daemon answered {method} with something else than a node.")
        return found

    def _exchange(self, request: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.patience)
            connection.connect(self.path)
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                return stream.readline(LONGEST_ANSWER) or b"null"
