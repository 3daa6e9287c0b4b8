"""Seals text to an operator's PGP key with GnuPG. Only public keys are ever here."""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile

from saltern.errors import JournalError


def seal(text: str, public_key: str, operator: str) -> str:
    """``text`` as a PGP message for ``public_key`` (ASCII-armoured), in base64 as Vault gives its shares.

    :raises JournalError: when the key cannot encrypt.
    """
    with tempfile.TemporaryDirectory(prefix="saltern-pgp-") as home:  # a keyring of its own, mode 0700
        key_file = os.path.join(home, "key.asc")
        with open(key_file, "w", encoding="ascii") as file:
            file.write(public_key)
        command = ["gpg", "--homedir", home, "--batch", "--quiet", "--no-autostart", "--trust-model", "always"]
        done = subprocess.run(
            [*command, "--recipient-file", key_file, "--encrypt"], input=text.encode(), capture_output=True, check=False
        )
    if done.returncode:
        raise JournalError(
            f"The PGP key of operator {operator} cannot encrypt: {done.stderr.decode(errors='replace').strip()}",
            cure=f"put a valid public key with an encryption subkey into operators/{operator}.asc",
        )
    return base64.b64encode(done.stdout).decode()
