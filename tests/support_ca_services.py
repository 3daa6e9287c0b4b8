"""Both services of the authority as processes: the signing core, and the HTTP door for clients outside Salt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import support_core
import support_pki
from saltern.clients.ca import Ca
from support_certificates import Root
from support_cfssl_door import free_port, listening
from support_pki import PROFILES_FILE, REPOSITORY
from support_services import Process

WEB = """
  web:
    usages: [digital signature, server auth]
    askers: [clients]
    roots: [support]
    lifetime: 30d
    auth_key: web
    networks: [127.0.0.0/8]
    dns: [.example.org]
"""


@dataclass
class Services:
    """The running services: where clients ask, and the core's own door."""

    ca: Ca
    port: int
    ca_file: Path
    key: str
    pids: tuple[int, ...]


@contextmanager
def running(directory: Path, workers: int = 1) -> Iterator[Services]:
    """A core with the profile ``web`` for clients, and ``workers`` doors on one port."""
    authority = support_pki.authority(directory)
    profiles = directory / "profiles.yaml"
    profiles.write_text(PROFILES_FILE.read_text(encoding="utf-8") + WEB, encoding="utf-8")
    tls = Root(directory / "tls", "support")
    leaf, port = tls.leaf("door", ["127.0.0.1"], ["localhost"]), free_port()
    command = ["env", f"PYTHONPATH={REPOSITORY / '_utils'}", sys.executable, "-B", "-m", "saltern_ca.door"]
    command += ["--address=127.0.0.1", f"--port={port}", f"--certificate={leaf.certificate}", f"--key={leaf.key}"]
    command += [f"--core={authority.places['socket']}"]
    with ExitStack() as stack:
        ca = stack.enter_context(support_core.running(authority, profiles=profiles))
        doors = []
        for number in range(workers):
            (directory / f"door-{number}").mkdir()
            door = Process(f"saltern-ca-http-{number}", directory / f"door-{number}", command)
            door.start()
            stack.callback(door.stop)
            doors.append(door)
        for door in doors:
            listening(door, port)
        key = ca.call("client_policy", root="support", profile="web")["auth_key"]
        pids = tuple(door.running.pid for door in doors if door.running)
        yield Services(ca, port, tls.ca_file, key, pids)
