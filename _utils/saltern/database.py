"""SQLite files of the support server: 0600, safe for several processes and for kill -9."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

BUSY_SECONDS = 30


@contextmanager
def transaction(path: Path, schema: str) -> Iterator[sqlite3.Connection]:
    """A connection whose changes are all on disk at the end, or none of them.

    :param schema: statements that make what is missing (``CREATE … IF NOT EXISTS``).
    :raises sqlite3.Error: when the file is no database, is busy for too long, or the disk is full.
    :raises OSError: when the file cannot be made.
    """
    with closing(connect(path, schema)) as connection, connection:
        yield connection


def connect(path: Path, schema: str) -> sqlite3.Connection:
    """A connection that its owner keeps and closes; its threads take turns. Otherwise as :func:`transaction`."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))  # SQLite's side files inherit the mode
    where = path.absolute().as_uri()  # as an address, so that ATTACH takes one, too
    connection = sqlite3.connect(where, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        _write_ahead(connection, path.parent)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")
        connection.executescript(schema)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection, directory: Path) -> None:
    """SQLite waits for no other process here: two that open a new file at once would meet."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        os.close(descriptor)
