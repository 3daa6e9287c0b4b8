"""The journal: write-ahead record of every bootstrap step and every one-shot secret (sealed).

A secret is generated and committed here before the system that it is for has seen it, so that a killed
bootstrap can never have given away something that nobody knows.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from saltern import database, paths
from saltern.clients import machine_key
from saltern.errors import JournalError

NONCE = 12  # bytes, as NIST SP 800-38D recommends for GCM
SCHEMA = """
CREATE TABLE IF NOT EXISTS step (name TEXT PRIMARY KEY, state TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, sealed BLOB, created REAL NOT NULL, destroyed REAL);
CREATE TABLE IF NOT EXISTS service (name TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class StepRecord:
    """Where a step stands: ``intent``, ``applied`` or ``verified``, since ``at`` (Unix time)."""

    name: str
    state: str
    at: float


@dataclass(frozen=True)
class SecretRecord:
    """That a secret exists, never what it is. Times are Unix times."""

    name: str
    created: float
    destroyed: float | None


class Journal:
    """Steps, secrets and reached services of one cluster. Safe for several processes and for kill -9.

    :param path: the SQLite file, 0600.
    :param key: gives the machine key (32 bytes) that seals secrets.
    """

    def __init__(self, path: str = paths.JOURNAL, key: Callable[[], bytes] = machine_key.load) -> None:
        self._path, self._key = path, key

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with database.transaction(Path(self._path), SCHEMA) as connection:
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"{self._path}: {error}",
                cure="check free space and rights of the file, then run the same command again",
            ) from error

    # Steps
    def record(self, step: str, state: str) -> None:
        """Write that ``step`` is now ``intent``, ``applied`` or ``verified``."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO step VALUES (?, ?, ?)", (step, state, time.time()))

    def steps(self) -> dict[str, StepRecord]:
        """All steps that were ever begun, by name."""
        with self._open() as db:
            return {row[0]: StepRecord(*row) for row in db.execute("SELECT name, state, at FROM step")}

    def state(self, step: str) -> str:
        """``""``, ``intent``, ``applied`` or ``verified``."""
        record = self.steps().get(step)
        return record.state if record else ""

    # Services that are to run
    def reach(self, *services: str) -> None:
        """From now on the highstate keeps these services running."""
        with self._open() as db:
            db.executemany(
                "INSERT OR IGNORE INTO service VALUES (?, ?)", [(service, time.time()) for service in services]
            )

    def reached(self, service: str) -> bool:
        """Whether the bootstrap has come to the point at which ``service`` is to run."""
        with self._open() as db:
            return db.execute("SELECT 1 FROM service WHERE name = ?", (service,)).fetchone() is not None

    # Facts that are no secrets
    def remember(self, name: str, value: str) -> None:
        """Keep a fact that is needed again, such as an accessor id."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def fact(self, name: str) -> str:
        """A remembered fact, or ``""``."""
        with self._open() as db:
            row = db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    # Secrets
    def ensure_secret(self, name: str, make: Callable[[], str]) -> str:
        """The secret ``name``; made and committed now if it never was. A destroyed one is not made again."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            row = db.execute("SELECT sealed FROM secret WHERE name = ?", (name,)).fetchone()
            if row is None:
                value = make()
                db.execute("INSERT INTO secret VALUES (?, ?, ?, NULL)", (name, self._seal(name, value), time.time()))
                return value
        if row[0] is None:
            raise JournalError(f"The secret {name} was destroyed.", cure="use the operators' sealed copy in custody")
        return self._open_sealed(name, row[0])

    def put_secret(self, name: str, value: str, facts: Mapping[str, str] | None = None) -> None:
        """Store or replace a secret that another system made.

        :param facts: remembered in the same transaction: a one-shot answer is kept whole or not at all.
        """
        with self._open() as db:
            db.execute(
                "INSERT OR REPLACE INTO secret VALUES (?, ?, ?, NULL)", (name, self._seal(name, value), time.time())
            )
            db.executemany("INSERT OR REPLACE INTO fact VALUES (?, ?)", (facts or {}).items())

    def secret(self, name: str) -> str | None:
        """The secret, or ``None`` when there is none or it was destroyed."""
        with self._open() as db:
            row = db.execute("SELECT sealed FROM secret WHERE name = ?", (name,)).fetchone()
        return self._open_sealed(name, row[0]) if row and row[0] is not None else None

    def destroy_secret(self, name: str) -> None:
        """Overwrite the working copy; that it existed stays on record."""
        with self._open() as db:
            db.execute("UPDATE secret SET sealed = NULL, destroyed = ? WHERE name = ?", (time.time(), name))
        with self._open() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # no copy stays in the write-ahead log

    def secrets(self) -> list[SecretRecord]:
        """What secrets exist or existed, by name."""
        with self._open() as db:
            rows = db.execute("SELECT name, created, destroyed FROM secret ORDER BY name").fetchall()
        return [SecretRecord(*row) for row in rows]

    def _seal(self, name: str, value: str) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + AESGCM(self._key()).encrypt(nonce, value.encode(), name.encode())

    def _open_sealed(self, name: str, sealed: bytes) -> str:
        try:
            return AESGCM(self._key()).decrypt(sealed[:NONCE], sealed[NONCE:], name.encode()).decode()
        except InvalidTag as error:
            raise JournalError(
                f"The secret {name} cannot be opened with this machine's key.",
                cure="restore machine-key.cred that belongs to this journal",
            ) from error
