"""Files of secrets, keys and certificates: never half-written, never readable by the wrong user for a moment."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wanted:
    """A file as it is to be; ``content`` is never shown by ``repr``, it may be a key."""

    path: Path
    content: bytes
    mode: int
    uid: int = 0
    gid: int = 0

    def __repr__(self) -> str:
        return f"Wanted({self.path}, {self.mode:04o}, {self.uid}:{self.gid})"


def create(wanted: Wanted) -> bool:
    """Makes the file in one step and returns True, or False when there is one already: it is never replaced.

    :raises OSError: when the directory cannot be written.
    """
    staged = _stage(wanted)
    try:
        os.link(staged, wanted.path)  # link, not rename: it fails where a file exists
    except FileExistsError:
        return False
    finally:
        staged.unlink()
    sync_directory(wanted.path.parent)
    return True


def replace(files: Iterable[Wanted]) -> None:
    """Puts all files in place: each is whole and on disk before the first is switched.

    A kill between two renames leaves new and old side by side; who reads a pair has to compare it.

    :raises OSError: when one cannot be written; then none is switched.
    """
    staged: list[tuple[Path, Path]] = []
    try:
        for wanted in files:
            staged.append((_stage(wanted), wanted.path))
        for temporary, path in staged:
            temporary.replace(path)
    except OSError:
        for temporary, _ in staged:
            with suppress(FileNotFoundError):
                temporary.unlink()
        raise
    for directory in {path.parent for _, path in staged}:
        sync_directory(directory)


def _stage(wanted: Wanted) -> Path:
    """The content under a passing name in the same directory, with its final owner and mode, on disk."""
    temporary = wanted.path.with_name(f".{wanted.path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(wanted.content)
            os.fchown(descriptor, wanted.uid, wanted.gid)
            os.fchmod(descriptor, wanted.mode)
            stream.flush()
            os.fsync(descriptor)
    except OSError:
        temporary.unlink()
        raise
    return temporary


def sync_directory(directory: Path) -> None:
    """A rename survives a power cut only once its directory is on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def only_one(path: str | Path) -> Iterator[bool]:
    """Whether this process is the only one inside; it does not wait for another to leave.

    :param path: of a lock file, which stays.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
