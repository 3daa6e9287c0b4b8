"""Auth keys of clients outside Salt: shared secrets, hexadecimal as cfssl has them, one file each."""

from __future__ import annotations

import secrets
from pathlib import Path

from saltern import files
from saltern.cfssl import auth
from saltern.definition import typed
from saltern.errors import CertificateError

LENGTH = 32  # bytes: HMAC-SHA256's own


class AuthKeys:
    """The keys in one directory of the authority's, each 0400.

    :param directory: made with the first key.
    """

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)
        self._known: dict[str, tuple[int, bytes]] = {}  # by name, with the file's time: read again when it changes

    def load(self, name: str) -> bytes:
        """The key.

        :raises CertificateError: when there is none, or it is no hexadecimal text.
        """
        path = self._path(name)
        try:
            changed = path.stat().st_mtime_ns
            if self._known.get(name, (0, b""))[0] != changed:
                self._known[name] = (changed, auth.key_of(path.read_text(encoding="ascii")))
        except (OSError, ValueError) as error:
            cure = "salt-run ca.client LABEL profile=… makes it."
            raise CertificateError(f"The auth key {name} cannot be used: {error}.", cure=cure) from error
        return self._known[name][1]

    def ensure(self, name: str) -> str:
        """The key as hexadecimal text, made where there is none.

        :raises CertificateError: when it can be neither read nor made.
        """
        path = self._path(name)
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            owner = self._directory.stat()
            made = secrets.token_hex(LENGTH).encode()
            files.create(files.Wanted(path, made, 0o400, owner.st_uid, owner.st_gid))
        except OSError as error:
            raise CertificateError(f"The auth key {name} cannot be made: {error}.", cure="check the disk.") from error
        return self.load(name).hex()

    def _path(self, name: str) -> Path:
        try:
            typed.label_text(name)  # it becomes a file
        except typed.Wrong as wrong:
            raise CertificateError(f"{ascii(name)[:80]} is no name of an auth key.") from wrong
        return self._directory / name
