"""Files that are there whole or not at all, and their sums."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from saltern.errors import ArtifactError
from saltern.files import sync_directory

BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """The sha256 sum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def publish(source: Path, target: Path, mode: int) -> None:
    """Make ``source`` (same file system) appear at ``target`` in one step, after its content reached the disk."""
    source.chmod(mode)
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(target)
    sync_directory(target.parent)


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a small text file so that no reader ever sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    publish(temporary, path, mode)


def copy(source: Path, target: Path) -> None:
    """Copy the bytes of a file; Linux shares them where the file system can."""
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(BLOCK):
            writer.write(block)


def directory(path: Path, mode: int) -> None:
    """Make a directory with exactly this mode, whatever the umask."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)


def link(path: Path, target: str) -> None:
    """Make ``path`` a symbolic link to ``target`` in one step, whatever it was before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.link")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock; ``waiting`` is called once when another process holds it. Ends with the process."""
    try:
        handle = path.open("a")
    except OSError as error:
        raise ArtifactError(f"{path} cannot be locked: {error}.", cure="run as root") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
