"""Splits one-shot secrets among operators and keeps what is sealed to them.

Vault splits its own shares. The other secrets (Consul's and Nomad's, the authority's unlock key) are UUIDs, which
Shamir's scheme as pycryptodomex implements it (16 bytes over GF(2^128)) splits as they are.
"""

from __future__ import annotations

import os
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from Cryptodome.Protocol.SecretSharing import Shamir

from saltern import files, paths
from saltern.errors import JournalError


def split(secret: str, threshold: int, holders: tuple[str, ...]) -> dict[str, str]:
    """A share of the UUID ``secret`` for each holder; ``threshold`` of them give it back."""
    shares = Shamir.split(threshold, len(holders), uuid.UUID(secret).bytes, ssss=False)
    return {holder: f"{index}-{share.hex()}" for holder, (index, share) in zip(holders, shares, strict=True)}


def combine(shares: list[str]) -> str:
    """The UUID that ``shares`` were split from. Too few shares give another UUID, which nothing accepts."""
    try:
        pairs = [(int(index), bytes.fromhex(part)) for index, part in (share.strip().split("-", 1) for share in shares)]
        return str(uuid.UUID(bytes=Shamir.combine(pairs, ssss=False)))
    except ValueError as error:
        raise JournalError(
            f"These shares do not fit together: {error}", cure="give each operator's share once"
        ) from error


@dataclass(frozen=True)
class Custody:
    """The folder with one folder a secret and in it one sealed file an operator. Holds only what operators can open."""

    directory: str = paths.CUSTODY

    def put(self, secret: str, sealed: dict[str, str]) -> None:
        """Keep the sealed share of each operator; whole or not at all."""
        final = os.path.join(self.directory, secret)
        temporary = f"{final}.{secrets.token_hex(6)}.new"
        os.makedirs(temporary, mode=0o700)
        owner = os.geteuid(), os.getegid()
        for operator, text in sealed.items():
            path = Path(temporary, f"{operator}.b64")
            files.create(files.Wanted(path, f"{text}\n".encode("ascii"), 0o600, *owner))
        if os.path.isdir(final):
            os.rename(final, f"{temporary}.old")
        os.rename(temporary, final)
        self._drop(f"{temporary}.old")

    def holders(self, secret: str) -> tuple[str, ...]:
        """To whom ``secret`` is sealed; empty when it is in nobody's custody."""
        try:
            return tuple(sorted(name.removesuffix(".b64") for name in os.listdir(os.path.join(self.directory, secret))))
        except FileNotFoundError:
            return ()

    def share(self, secret: str, operator: str) -> str:
        """The sealed share of one operator, base64 of a PGP message."""
        try:
            with open(os.path.join(self.directory, secret, f"{operator}.b64"), encoding="ascii") as file:
                return file.read()
        except FileNotFoundError as error:
            raise JournalError(
                f"No share of {secret} is sealed to {operator}.", cure="salt-run cluster.custody lists what exists"
            ) from error

    def secrets(self) -> dict[str, float]:
        """The secrets in custody and since when (Unix time)."""
        if not os.path.isdir(self.directory):
            return {}
        names = sorted(name for name in os.listdir(self.directory) if "." not in name)
        return {name: os.stat(os.path.join(self.directory, name)).st_mtime for name in names}

    def drop(self, secret: str) -> None:
        """Forget the sealed shares of a secret that was revoked."""
        self._drop(os.path.join(self.directory, secret))

    @staticmethod
    def _drop(directory: str) -> None:
        if os.path.isdir(directory):
            for name in os.listdir(directory):
                os.unlink(os.path.join(directory, name))
            os.rmdir(directory)
