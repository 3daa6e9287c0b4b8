"""saltern-ca, the signing core: alone opens the CA keys and the inventory. ``python -m saltern_ca.core``.

Who asks is told by the kernel (peer credentials of the Unix socket), never by the message: root may do everything, the
user of the HTTP door may only hand on requests of cfssl's protocol.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import pwd
import signal
import socket
import struct
from pathlib import Path
from typing import Any

from saltern import paths
from saltern.errors import CertificateError, SalternError
from saltern_ca import frames, notify
from saltern_ca.commits import GroupCommit
from saltern_ca.operations import DOOR, OPERATIONS, Core, Settings

log = logging.getLogger("saltern-ca")
DOOR_USER = "saltern-ca-http"
CREDENTIAL = "saltern-ca-unlock"  # as the unit loads it
MAXIMUM_OF_A_STRANGER = 4096  # bytes
_PEER = struct.Struct("3i")  # pid, uid, gid: struct ucred, unix(7)


class Server:
    """Answers frames; concurrent requests share one commit of the inventory."""

    def __init__(self, core: Core, door_uid: int | None) -> None:
        self._core, self._door_uid = core, door_uid
        self._commits = GroupCommit(core.inventory.add)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its other side closes it."""
        allowed = self._allowed(writer)
        if not allowed:
            await self._turn_away(reader, writer)
            return
        running: set[asyncio.Task[None]] = set()

        def ended(task: asyncio.Task[None]) -> None:
            running.discard(task)
            if not task.cancelled() and (fault := task.exception()):
                log.error("a fault of the core's own; its connection is closed", exc_info=fault)
                writer.close()

        try:
            while (message := await frames.read(reader)) is not None:
                task = asyncio.create_task(self._serve(message, allowed, writer))
                running.add(task)
                task.add_done_callback(ended)
        except frames.FrameError as error:
            log.warning("a connection was ended: %s", error)
        finally:
            if running:
                await asyncio.wait(running)
            writer.close()

    async def _turn_away(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One short message of a user without any right is read and refused."""
        try:
            asked = await frames.read(reader, MAXIMUM_OF_A_STRANGER) or {}
            refusal = {"error": "The core is not open to this user.", "cure": "run this as root."}
            writer.write(frames.encode({**refusal, "id": asked.get("id", 0)}))
        except frames.FrameError as error:
            log.warning("a stranger's connection was ended: %s", error)
        writer.close()

    def _allowed(self, writer: asyncio.StreamWriter) -> frozenset[str]:
        connection = writer.get_extra_info("socket")
        _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        if uid in (0, os.geteuid()):
            return frozenset(OPERATIONS)
        return DOOR if uid == self._door_uid else frozenset()

    async def _serve(self, message: dict[str, Any], allowed: frozenset[str], writer: asyncio.StreamWriter) -> None:
        answer = await self._answer(message, allowed)
        number = {"id": message.get("id", 0)}
        try:
            frame = frames.encode({**answer, **number})
        except frames.FrameError as error:
            frame = frames.encode({"error": str(error), "cure": "ask for less at once.", **number})
        try:
            writer.write(frame)
            await writer.drain()
        except ConnectionError as error:
            log.warning("an answer was not taken: %s", error)

    async def _answer(self, message: dict[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
        name = message.get("op")
        try:
            if not isinstance(name, str) or name not in allowed:
                raise CertificateError(f"The operation {ascii(name)[:80]} is not open to this user.")
            answer, records = OPERATIONS[name](self._core, message)
            await self._commits.commit(records)  # nothing leaves that is not on disk
        except SalternError as error:
            log.warning("%s refused: %s", ascii(name)[:80], error)
            return {"error": str(error.what), "cure": error.cure, "kind": type(error).__name__}
        return answer


async def serve(settings: Settings, path: str) -> None:
    """Serve on the Unix socket ``path`` until SIGTERM."""
    core = Core(settings)
    if key := _unlock_key():
        try:
            core.unlock(key)
        except SalternError as error:  # another machine's roots, or a declaration that is broken: an operator decides
            log.error("starts locked: %s", error)
    Path(path).unlink(missing_ok=True)
    server = await asyncio.start_unix_server(Server(core, _uid(DOOR_USER)).connected, path, limit=2**20)
    os.chmod(path, 0o666)  # noqa: S103 - the peer's credentials decide, whoever may connect
    stopped = asyncio.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(kind, stopped.set)
    notify.ready(core.state())
    log.warning("serving: %s", core.state())
    async with server:
        await stopped.wait()


def _uid(user: str) -> int | None:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None  # there is no door on this machine


def _unlock_key() -> bytes:
    """The unit's credential, empty where it has none: then an operator unlocks."""
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"), CREDENTIAL)
    return path.read_bytes().strip() if path.exists() else b""


def main() -> None:
    """Serve; without arguments with the places of a support server."""
    parser = argparse.ArgumentParser(prog="saltern-ca", description="The signing core of Saltern's authority.")
    parser.add_argument("--state", default=paths.CA_STATE, help="directory of roots, inventory and auth keys")
    parser.add_argument("--socket", default=paths.CA_SOCKET, help="Unix socket to serve on")
    parser.add_argument("--declared", default=paths.ROOTS, help="the declared roots")
    parser.add_argument("--profiles", default=paths.PROFILES, help="the declared profiles")
    parser.add_argument("--definition", default=paths.DEFINITION, help="the cluster's definition")
    given = parser.parse_args()
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    state = Path(given.state)
    settings = Settings(
        roots=str(state / "roots"),
        inventory=str(state / "inventory.sqlite"),
        auth_keys=str(state / "auth-keys"),
        declared=given.declared,
        profiles=given.profiles,
        directory=given.definition,
    )
    try:
        asyncio.run(serve(settings, given.socket))
    except SalternError as error:
        raise SystemExit(f"saltern-ca: {error}") from error


if __name__ == "__main__":
    main()
