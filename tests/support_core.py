"""The signing core as a real process of this machine, over the authority of a test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import support_pki
from saltern.clients.ca import Ca
from support_pki import DEFINITION, PASSPHRASE, PROFILES_FILE, REPOSITORY
from support_services import Process

CREDENTIAL = "saltern-ca-unlock"


@contextmanager
def running(authority: support_pki.Authority, key: bytes = PASSPHRASE, profiles: Path = PROFILES_FILE) -> Iterator[Ca]:
    """A core that has ``key`` as its credential; an empty one leaves it locked."""
    directory = authority.directory
    (directory / CREDENTIAL).write_bytes(key)
    places = authority.places
    command = ["env", f"PYTHONPATH={REPOSITORY / '_utils'}", f"CREDENTIALS_DIRECTORY={directory}"]
    command += [sys.executable, "-B", "-m", "saltern_ca.core", f"--state={directory}", f"--socket={places['socket']}"]
    command += [f"--declared={places['declared']}", f"--profiles={profiles}", f"--definition={DEFINITION}"]
    process = Process("saltern-ca", directory, command)
    process.start()
    ca = Ca(places["socket"])
    try:
        process.wait_for(lambda: bool(ca.call("state")), "the signing core")
        yield ca
    finally:
        process.stop()
