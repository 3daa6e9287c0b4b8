"""How a root lies on the support server's disk. A root is switched to its next generation by one rename.

``<roots>/<root>/`` holds ``trust.pem`` (every certificate that members trust, the issuing root's first), the link
``current``, and ``generation-<n>/`` for each pair of key and certificate that the root has now: ``ca.pem``,
``ca-key.pem``, and where it has an intermediate ``intermediate.pem`` and ``intermediate-key.pem``. The current
generation issues; the one after it is being rotated in, the one before it is still trusted.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from saltern import files
from saltern.files import Wanted

KEY_MODE, CERTIFICATE_MODE, DIRECTORY_MODE = 0o400, 0o444, 0o755
_PREFIX = "generation-"


@dataclass(frozen=True)
class Generation:
    """The files of one generation."""

    path: Path

    @property
    def certificate(self) -> Path:
        """The self-signed certificate."""
        return self.path / "ca.pem"

    @property
    def key(self) -> Path:
        """Its key; missing where the root is kept offline."""
        return self.path / "ca-key.pem"

    @property
    def intermediate(self) -> Path:
        """The intermediate that issues in the root's place; most roots have none."""
        return self.path / "intermediate.pem"

    @property
    def intermediate_key(self) -> Path:
        """The intermediate's key."""
        return self.path / "intermediate-key.pem"

    def modes(self) -> dict[Path, int]:
        """The mode that each file of it has."""
        keys = {self.key: KEY_MODE, self.intermediate_key: KEY_MODE}
        return keys | {self.certificate: CERTIFICATE_MODE, self.intermediate: CERTIFICATE_MODE}


class RootFiles:
    """The files of one root."""

    def __init__(self, directory: str | Path, name: str) -> None:
        self.base = Path(directory) / name
        self.trust = self.base / "trust.pem"
        self._link = self.base / "current"

    def number(self) -> int:
        """The number of the generation that issues; 0 where the root does not exist."""
        try:
            return int(os.readlink(self._link).removeprefix(_PREFIX))
        except (OSError, ValueError):
            return 0

    def generation(self, number: int) -> Generation:
        """One generation, whether it exists or not."""
        return Generation(self.base / f"{_PREFIX}{number}")

    @property
    def current(self) -> Generation:
        """The generation that issues, by its own path: a switch does not change what it stands for."""
        return self.generation(self.number())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process at a time changes this root; what a killed one left half-made is removed."""
        self.base.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        self._own(self.base)
        descriptor = os.open(self.base, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            for path in [*self.base.glob(".*"), *self.base.glob(f"{_PREFIX}*/.*")]:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            yield
        finally:
            os.close(descriptor)

    def owner(self) -> tuple[int, int]:
        """Who owns the roots: whoever owns the directory that holds them (saltern-ca, on a support server)."""
        status = self.base.parent.stat()
        return status.st_uid, status.st_gid

    def wanted(self, path: Path, content: bytes) -> Wanted:
        """A file of this root with its owner and mode."""
        mode = KEY_MODE if path.name.endswith("-key.pem") else CERTIFICATE_MODE
        return Wanted(path, content, mode, *self.owner())

    def make(self, number: int, contents: dict[str, bytes]) -> None:
        """A whole generation in one step; the lock must be held."""
        staged = self.base / f".{_PREFIX}{number}.{secrets.token_hex(6)}"
        staged.mkdir(mode=0o700)
        self._own(staged)
        for name, content in contents.items():
            files.create(self.wanted(staged / name, content))
        staged.rename(self.generation(number).path)
        files.sync_directory(self.base)

    def switch(self, number: int) -> None:
        """From now on this generation issues; the lock must be held."""
        staged = self.base / f".current.{secrets.token_hex(6)}"
        staged.symlink_to(f"{_PREFIX}{number}")
        os.chown(staged, *self.owner(), follow_symlinks=False)
        staged.rename(self._link)
        files.sync_directory(self.base)

    def write_trust(self, pem: bytes) -> None:
        """Replaces ``trust.pem`` where it differs; the lock must be held."""
        if not self.trust.exists() or self.trust.read_bytes() != pem:
            files.replace([self.wanted(self.trust, pem)])

    def destroy(self, number: int) -> None:
        """Removes a generation, its keys first; the lock must be held."""
        generation = self.generation(number)
        for key in (generation.key, generation.intermediate_key):
            key.unlink(missing_ok=True)
        files.sync_directory(generation.path)
        removed = self.base / f".removed.{secrets.token_hex(6)}"
        generation.path.rename(removed)
        shutil.rmtree(removed)
        files.sync_directory(self.base)

    def _own(self, directory: Path) -> None:
        directory.chmod(DIRECTORY_MODE)  # whatever the umask was: members' applications read certificates here
        os.chown(directory, *self.owner())
