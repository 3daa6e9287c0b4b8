"""The support server's machine key: seals the working copies of secrets at rest.

systemd-creds seals it to this machine (to its TPM where there is one, else to the root-only host key under
``/var/lib/systemd``), so that a copied disk of ``/var/lib/saltern`` alone opens nothing.
"""

from __future__ import annotations

import functools
import os
import secrets
import subprocess
from pathlib import Path

from saltern import files, paths
from saltern.errors import JournalError

NAME = "saltern-machine-key"
LENGTH = 32  # bytes, AES-256


@functools.lru_cache(maxsize=4)
def load(path: str = paths.MACHINE_KEY) -> bytes:
    """The machine key, made on first use. Root of the support server only."""
    if not os.path.exists(path):
        _create(path)
    key = _systemd_creds(["decrypt", f"--name={NAME}", path, "-"], b"")
    if len(key) != LENGTH:
        raise JournalError(f"The machine key in {path} is broken.", cure="restore it from the backup of this machine")
    return key


def credential(path: str) -> str:
    """A secret that systemd shows to one service; empty where there is none. Its name is the file's.

    :raises JournalError: when this machine cannot unseal it.
    """
    if not os.path.exists(path):
        return ""
    return _systemd_creds(["decrypt", f"--name={os.path.basename(path)}", path, "-"], b"").decode().strip()


def _create(path: str) -> None:
    sealed = _systemd_creds(["encrypt", f"--name={NAME}", "-", "-"], secrets.token_bytes(LENGTH))
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    # Never replaced: the first of two racing processes wins, the other uses its key.
    files.create(files.Wanted(Path(path), sealed, 0o600, os.geteuid(), os.getegid()))


def _systemd_creds(arguments: list[str], stdin: bytes) -> bytes:
    done = subprocess.run(["systemd-creds", *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise JournalError(
            f"systemd-creds {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}",
            cure="run this as root on the support server; a machine key of another machine cannot be opened here",
        )
    return done.stdout
