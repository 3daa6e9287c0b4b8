"""SQLite files of the support server: 0600, safe for several processes and for kill -9. One connection a call."""

from __future__ import annotations

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
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))  # SQLite's side files inherit the mode
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")
        connection.executescript(schema)
        with connection:
            yield connection
