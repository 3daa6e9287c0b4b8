"""The lab plays the operators: it makes their PGP keys, and gives their shares where a Vault waits for them."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from saltern import paths
from saltern.errors import LabError
from saltern_lab import inside, run
from saltern_lab.node import LabNode
from saltern_lab.settings import Lab

AWAITING, CUSTODY = paths.AWAITING, paths.CUSTODY  # in the support node
UNSEALING = (
    "transit-unseal",
    "vault-unseal",
)  # the secrets whose shares open a Vault, in the order they are looked for
RETRY = 10.0  # seconds after which shares are given again to one who still waits
# The key signs, its subkey encrypts: with `--quick-generate-key … rsa2048` there would be no key that can encrypt.
PARAMETERS = """
%no-protection
Key-Type: RSA
Key-Length: 2048
Key-Usage: sign
Subkey-Type: RSA
Subkey-Length: 2048
Subkey-Usage: encrypt
Name-Real: {name}
Name-Comment: operator of a Saltern lab
Name-Email: {name}@lab.invalid
Expire-Date: 0
%commit
"""


def ensure_keys(lab: Lab, wanted: Sequence[str]) -> dict[str, str]:
    """The public keys of the operators ``wanted``; keys that do not exist yet are made."""
    public = {}
    for name in wanted:
        home = lab.operators / name
        armoured = home / "public.asc"
        if not armoured.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True, mode=0o700)
            try:
                _gpg(home, ["--generate-key"], PARAMETERS.format(name=name).encode())
                key = _gpg(home, ["--armor", "--export"])
            finally:
                _end_agent(home)
            armoured.write_bytes(key)
        public[name] = armoured.read_text(encoding="ascii")
    return public


def end_agents(lab: Lab) -> None:
    """End what GnuPG may have left running for the operators."""
    if lab.operators.is_dir():
        for home in lab.operators.iterdir():
            _end_agent(home)


def _gpg(home: Path, arguments: Sequence[str], stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["gpg", "--homedir", str(home), "--batch", "--quiet", "--no-tty", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        text = done.stderr.decode(errors="replace").strip()
        raise LabError(f"GnuPG of the lab's operator {home.name} failed: {text}", cure="lab/down, then lab/up.")
    return done.stdout


def _end_agent(home: Path) -> None:
    run.command(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    run.command(["gpgconf", "--homedir", home, "--remove-socketdir"], check=False)


def waiting_for(support: LabNode) -> str:
    """The secret whose shares somebody waits for; empty when nobody does."""
    content = inside.read_file(support, AWAITING)
    secret = content.decode("ascii", errors="replace").strip() if content else ""
    return secret if re.fullmatch(r"[a-z][a-z-]*", secret) else ""


def shares(support: LabNode, secret: str, threshold: int) -> list[str]:
    """``threshold`` decrypted shares of a secret; fewer when fewer operators hold one."""
    found: list[str] = []
    for home in sorted(support.lab.operators.iterdir()):
        sealed = inside.read_file(support, f"{CUSTODY}/{secret}/{home.name}.b64")
        if sealed and len(found) < threshold:
            try:
                found.append(_gpg(home, ["--decrypt"], base64.b64decode(sealed)).decode("ascii").strip())
            finally:
                _end_agent(home)
    return found


def unseal(support: LabNode, threshold: int) -> str:
    """Give the operators' shares to the Vault that waits for them. Returns what became of it."""
    secrets = [name for name in (waiting_for(support), *UNSEALING) if name]
    for secret in secrets:
        opened = shares(support, secret, threshold)
        if opened:
            # on standard input, never as arguments: those can be read by everyone on the node
            return inside.run(support, ["salt-run", "cluster.unseal"], stdin="\n".join(opened).encode() + b"\n")
    raise LabError("No share of a Vault is in the operators' custody.", cure="lab/up bootstraps the cluster.")


class Answering:
    """While this is entered, whoever waits for the operators in the support node gets their shares.

    A failure is kept as text and the shares are given again: whoever waits goes on waiting.
    """

    def __init__(self, support: LabNode, threshold: int) -> None:
        self._support, self._threshold = support, threshold
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.last_error = ""

    def __enter__(self) -> Answering:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        pause = 0.3
        while not self._ended.wait(pause):
            pause = 0.3
            try:
                if waiting_for(self._support):
                    unseal(self._support, self._threshold)
                    self.last_error = ""
                    pause = RETRY if waiting_for(self._support) else pause
            except LabError as error:
                self.last_error, pause = str(error), RETRY
