"""Operators' PGP keys for tests, made by GnuPG in keyrings of their own."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Operator:
    """A holder of shares. ``armour`` is the public key as it lies in a definition."""

    name: str
    home: str
    armour: str

    def opens(self, sealed: str) -> str:
        """What a message in base64, as Vault gives it, says to this operator."""
        return _gpg(self.home, ["--decrypt"], base64.b64decode(sealed)).decode()


def operators(directory: Path, count: int) -> list[Operator]:
    """``count`` operators with keyrings below ``directory``, a short path: their agents' sockets lie there."""
    made = []
    for number in range(count):
        name, home = f"operator{number}", tempfile.mkdtemp(prefix="pgp-", dir=directory)
        # "default default": a key made with one algorithm only has no subkey that encrypts
        _gpg(home, ["--passphrase", "", "--quick-generate-key", f"{name}@test", "default", "default", "never"])
        made.append(Operator(name, home, _gpg(home, ["--armor", "--export"]).decode()))
    return made


def dismiss(people: list[Operator]) -> None:
    """End the agents that GnuPG started for their keyrings."""
    for person in people:
        subprocess.run(["gpgconf", "--homedir", person.home, "--kill", "all"], check=True)


def _gpg(home: str, arguments: list[str], given: bytes = b"") -> bytes:
    command = ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", *arguments]
    return subprocess.run(command, input=given, check=True, capture_output=True).stdout
