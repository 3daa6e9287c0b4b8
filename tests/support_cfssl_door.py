"""The door as a real process with TLS, before a signing core of this test's own; and Debian's ``cfssl``."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltern.cfssl.api import answer
from saltern_ca import frames
from support_certificates import Leaf, Root
from support_cfssl import KEY_TEXT, SmallIssuer
from support_services import Process

UTILS = Path(__file__).parents[1] / "_utils"


@dataclass
class Door:
    """A running door, its issuer, and where it is."""

    issuer: SmallIssuer
    port: int
    ca_file: Path
    process: Process

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


class Core:
    """A core that answers frames by ``saltern.cfssl.api``, in a thread of its own."""

    def __init__(self, path: Path, issuer: SmallIssuer) -> None:
        self.path, self.issuer = path, issuer
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.writers: list[asyncio.StreamWriter] = []
        start = asyncio.start_unix_server(self._serve, str(path))
        self.server = asyncio.run_coroutine_threadsafe(start, self.loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def _end(self) -> None:
        self.server.close()
        for writer in self.writers:
            writer.close()
        await self.server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while (message := await frames.read(reader)) is not None:
            found = answer(message["path"], message["body"].encode(), message["remote"], self.issuer)
            reply = {"status": found.status, "body": found.body.decode(), "refusals": found.refusals}
            writer.write(frames.encode({**reply, "id": message["id"]}))


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def listening(process: Process, port: int) -> None:
    def taken() -> bool:
        with socket.socket() as made:
            return made.connect_ex(("127.0.0.1", port)) == 0

    process.wait_for(taken, f"port {port}")


@contextmanager
def running(directory: Path, leaf: Leaf, ca_file: Path) -> Iterator[Door]:
    """A door that shows ``leaf``, before a core of its own."""
    issuer, port = SmallIssuer(), free_port()
    core = Core(directory / "core.sock", issuer)
    command = ["env", f"PYTHONPATH={UTILS}", sys.executable, "-m", "saltern_ca.door", "--address=127.0.0.1"]
    command += [f"--port={port}", f"--certificate={leaf.certificate}", f"--key={leaf.key}", f"--core={core.path}"]
    process = Process("saltern-ca-http", directory, command)
    process.start()
    try:
        listening(process, port)
        yield Door(issuer, port, ca_file, process)
    finally:
        process.stop()
        core.stop()


@contextmanager
def multirootca(directory: Path, tls: Root, expiry: str) -> Iterator[tuple[Process, int]]:
    """Debian's multirootca over TLS in ``directory``: its root is label ``primary``, profile ``web`` has a key."""
    made = subprocess.run(
        ["cfssl", "gencert", "-initca", "-"],
        input=json.dumps({"CN": "multirootca test root", "key": {"algo": "ecdsa", "size": 256}}),
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    for name, field in (("ca.pem", "cert"), ("ca-key.pem", "key")):
        (directory / name).write_text(json.loads(made.stdout)[field])
    profile = {"expiry": expiry, "usages": ["signing", "server auth"], "auth_key": "web"}
    config: dict[str, Any] = {"signing": {"default": profile, "profiles": {"web": profile}}}
    config["auth_keys"] = {"web": {"type": "standard", "key": KEY_TEXT}}
    (directory / "cfssl.json").write_text(json.dumps(config))
    files = f"private = file://{directory}/ca-key.pem\ncertificate = {directory}/ca.pem\n"
    (directory / "roots.conf").write_text(f"[ primary ]\n{files}config = {directory}/cfssl.json\n")
    leaf, port = tls.leaf("multirootca", ["127.0.0.1"], ["localhost"]), free_port()
    command = ["multirootca", "-a", f"127.0.0.1:{port}", "-roots", str(directory / "roots.conf"), "-l", "primary"]
    process = Process(
        "multirootca", directory, [*command, "-tls-cert", str(leaf.certificate), "-tls-key", str(leaf.key)]
    )
    process.start()
    try:
        listening(process, port)
        yield process, port
    finally:
        process.stop()


def cfssl(*arguments: str, ca_file: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Debian's cfssl. It has no option for the server's root: Go takes it from the environment."""
    environment = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(ca_file)}
    return subprocess.run(
        ["cfssl", *arguments], input=stdin, capture_output=True, text=True, env=environment, timeout=60, check=False
    )
