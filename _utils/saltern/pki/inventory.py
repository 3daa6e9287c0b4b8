"""The inventory: every leaf that was ever signed, what was revoked, and the CRLs' numbers.

A leaf leaves the authority only after it stands here. Nothing is forgotten: a restored backup adds to what is there.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from cryptography import x509

from saltern import database, paths
from saltern.errors import CertificateError
from saltern.pki import chain

SCHEMA = """
CREATE TABLE IF NOT EXISTS issued (
    number INTEGER PRIMARY KEY,   -- in the order of issue
    serial TEXT NOT NULL UNIQUE,  -- hexadecimal, lower case
    root TEXT NOT NULL,
    profile TEXT NOT NULL,
    asker TEXT NOT NULL,          -- a node's id, or who else asked
    name TEXT NOT NULL,           -- a node's application/name, or the first name in the certificate
    not_before INTEGER NOT NULL,  -- Unix times
    not_after INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,    -- SHA-256
    issued_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS issued_asker ON issued (asker);
CREATE INDEX IF NOT EXISTS issued_root_asker ON issued (root, asker);
CREATE INDEX IF NOT EXISTS issued_root ON issued (root);
CREATE INDEX IF NOT EXISTS issued_not_after ON issued (not_after);
CREATE TABLE IF NOT EXISTS revoked (
    serial TEXT PRIMARY KEY,
    root TEXT NOT NULL,
    reason TEXT NOT NULL,
    revoked_by TEXT NOT NULL,
    revoked_at INTEGER NOT NULL,
    not_after INTEGER NOT NULL    -- of the leaf; from then on no CRL names it
) STRICT;
CREATE INDEX IF NOT EXISTS revoked_root ON revoked (root, not_after);
CREATE INDEX IF NOT EXISTS revoked_root_at ON revoked (root, revoked_at);
CREATE INDEX IF NOT EXISTS revoked_at ON revoked (revoked_at);
CREATE TABLE IF NOT EXISTS crl (
    root TEXT PRIMARY KEY,
    number INTEGER NOT NULL       -- of the last CRL
) STRICT;
"""
CHECKPOINT_PAGES = 8000  # 32 MB: serials are random, so a page is often written again before its checkpoint
# Reasons as RFC 5280 section 5.3.1 names them; certificateHold and removeFromCRL would make a revoked leaf valid again.
REASONS = (
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
    "aACompromise",
)


@dataclass(frozen=True)
class Record:
    """A signed leaf. Times are Unix times."""

    serial: str
    root: str
    profile: str
    asker: str
    name: str
    not_before: int
    not_after: int
    fingerprint: str
    issued_at: int


@dataclass(frozen=True)
class Revocation:
    """That, why and by whom a leaf was revoked. Times are Unix times; ``not_after`` is the leaf's end."""

    serial: str
    root: str
    reason: str
    revoked_by: str
    revoked_at: int
    not_after: int


@dataclass(frozen=True)
class Entry:
    """A leaf of the inventory.

    :param number: counts up in the order of issue; where the next page of a list begins.
    """

    number: int
    record: Record
    revocation: Revocation | None


def record(certificate: x509.Certificate, *, root: str, profile: str, asker: str, name: str) -> Record:
    """The inventory's line for a leaf that was signed just now."""
    return Record(
        serial=serial_text(certificate.serial_number),
        root=root,
        profile=profile,
        asker=asker,
        name=name,
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        fingerprint=chain.fingerprint(certificate),
        issued_at=int(chain.now().timestamp()),
    )


def serial_text(number: int) -> str:
    """A serial number as the inventory writes it."""
    return f"{number:x}"


_ISSUED = ", ".join(field.name for field in fields(Record))
_REVOKED = ", ".join(field.name for field in fields(Revocation))
_JOINED = ", ".join(
    [f"issued.{one.name}" for one in fields(Record)] + [f"revoked.{one.name}" for one in fields(Revocation)]
)
_ENTRY = f"SELECT issued.number, {_JOINED} FROM issued LEFT JOIN revoked ON revoked.serial = issued.serial"  # noqa: S608
_ADD = f"INSERT INTO issued ({_ISSUED}) VALUES ({', '.join('?' * len(fields(Record)))})"  # noqa: S608 - constants


class Inventory:
    """The inventory in one file. Safe for several processes and threads, and for kill -9.

    :param path: the SQLite file, made with mode 0600.
    :param keep: keep one connection open until :meth:`close`, as a service does; else each call opens its own.
    """

    def __init__(self, path: str | Path = paths.ISSUED, *, keep: bool = False) -> None:
        self._path = Path(path)
        self._keep, self._kept = keep, None  # type: bool, sqlite3.Connection | None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes the kept connection; the next call would open another."""
        with self._lock:
            if self._kept:
                self._kept.close()
            self._kept = None

    def add(self, records: Iterable[Record]) -> None:
        """Writes all records or none; they are on disk when this returns.

        :raises CertificateError: when the inventory cannot be written, or knows one of the serials already.
        """
        with self._open() as connection:
            connection.executemany(_ADD, [astuple(one) for one in records])

    def records(self, asker: str = "", root: str = "", *, before: int = 0, limit: int = 1000) -> list[Entry]:
        """The issued leaves, the newest first, of one asker or one root where they are given.

        :param before: only those before this number: the last one of the page before.
        """
        given = {"asker": asker, "root": root, "before": before}
        conditions = {"asker": "asker = :asker", "root": "issued.root = :root", "before": "number < :before"}
        where = " AND ".join(text for key, text in conditions.items() if given[key]) or "1"
        query = f"{_ENTRY} WHERE {where} ORDER BY number DESC LIMIT :limit"
        return self._entries(query, {**given, "limit": limit})

    def find(self, serial: str) -> Entry | None:
        """The leaf with this serial number (hexadecimal), or None."""
        found = self._entries(f"{_ENTRY} WHERE issued.serial = :serial", {"serial": _normal(serial)})
        return found[0] if found else None

    def expiring(self, since: int, until: int, *, after: tuple[int, int] = (0, 0), limit: int = 1000) -> list[Entry]:
        """The leaves that end from ``since`` on and before ``until`` (Unix times), the soonest first.

        :param after: only those behind this pair of ``not_after`` and number: the last one of the page before.
        """
        query = (
            f"{_ENTRY} WHERE issued.not_after >= :since AND issued.not_after < :until "
            "AND (issued.not_after, number) > (:end, :number) ORDER BY issued.not_after, number LIMIT :limit"
        )
        values = {"since": max(since, after[0]), "until": until, "end": after[0], "number": after[1], "limit": limit}
        return self._entries(query, values)

    def revocations(self, root: str = "", *, limit: int = 1000) -> list[Revocation]:
        """What was revoked, the newest first, of one root where it is given."""
        where = "WHERE root = :root" if root else ""
        query = f"SELECT {_REVOKED} FROM revoked {where} ORDER BY revoked_at DESC LIMIT :limit"  # noqa: S608
        return [Revocation(*row) for row in self._select(query, {"root": root, "limit": limit})]

    def unexpired_revocations(self, root: str, at: int) -> list[Revocation]:
        """What a CRL of the root names at the Unix time ``at``."""
        query = f"SELECT {_REVOKED} FROM revoked WHERE root = ? AND not_after >= ? ORDER BY not_after"  # noqa: S608
        return [Revocation(*row) for row in self._select(query, (root, at))]

    def revoke(self, serial: str, *, reason: str, by: str, at: int) -> Revocation:
        """Revokes a leaf for ever. One that is revoked already keeps its first reason and time.

        :param serial: hexadecimal, as :meth:`records` tells it; colons and capitals do not matter.
        :param reason: one of :data:`REASONS`.
        :raises CertificateError: when the inventory knows no such leaf, or there is no such reason.
        """
        if reason not in REASONS:
            raise CertificateError(f"{reason!a} is no reason.", cure=f"choose one of {', '.join(REASONS)}.")
        statement = (
            f"INSERT OR IGNORE INTO revoked ({_REVOKED}) "  # noqa: S608 - constants
            "SELECT serial, root, ?, ?, ?, not_after FROM issued WHERE serial = ?"
        )
        with self._open() as connection:
            connection.execute(statement, (reason, by, at, _normal(serial)))
            query = f"SELECT {_REVOKED} FROM revoked WHERE serial = ?"  # noqa: S608 - a constant
            row = connection.execute(query, (_normal(serial),)).fetchone()
        if row is None:
            cure = "see `salt-run ca.list`; give the serial in hexadecimal."
            raise CertificateError(f"No leaf with the serial {serial!a} was issued.", cure=cure)
        return Revocation(*row)

    def next_crl_number(self, root: str, at: int) -> int:
        """The number of the root's next CRL, durable before it is used.

        Never below the Unix time ``at``: even where the inventory was lost and an old backup is all there is, no
        number is given twice.
        """
        statement = (
            "INSERT INTO crl VALUES (:root, :at) "
            "ON CONFLICT (root) DO UPDATE SET number = max(number + 1, excluded.number) RETURNING number"
        )
        with self._open() as connection:
            return int(connection.execute(statement, {"root": root, "at": at}).fetchall()[0][0])

    def merge_revocations(self, revocations: Iterable[Revocation], crl_numbers: dict[str, int]) -> None:
        """Adds revocations and CRL numbers from elsewhere, such as a published CRL; what is known already wins."""
        with self._open() as connection:
            marks = ", ".join("?" * len(fields(Revocation)))
            statement = f"INSERT OR IGNORE INTO revoked ({_REVOKED}) VALUES ({marks})"  # noqa: S608 - constants
            connection.executemany(statement, [astuple(one) for one in revocations])
            connection.executemany(
                "INSERT INTO crl VALUES (?, ?) ON CONFLICT (root) DO UPDATE SET number = max(number, excluded.number)",
                crl_numbers.items(),
            )

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self._path

    def _entries(self, query: str, values: dict[str, Any]) -> list[Entry]:
        size = 1 + len(fields(Record))
        return [
            Entry(row[0], Record(*row[1:size]), Revocation(*row[size:]) if row[size] is not None else None)
            for row in self._select(query, values)
        ]

    def _select(self, query: str, values: Any) -> list[Any]:
        if not self._path.exists():
            return []
        with self._open() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self._keep:
                with database.transaction(self._path, SCHEMA) as connection:
                    yield connection
                return
            with self._lock:
                if self._kept is None:
                    self._kept = database.connect(self._path, SCHEMA)
                    self._kept.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
                with self._kept:
                    yield self._kept
        except (sqlite3.Error, OSError) as error:
            raise CertificateError(
                f"The inventory {self._path} cannot be used: {error}.",
                cure="check free space and rights of the file on the support server.",
            ) from error


def _normal(serial: str) -> str:
    return serial.replace(":", "").lower().lstrip("0")
