"""The inventory: every leaf that was ever signed. A leaf leaves the authority only after it stands here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from cryptography import x509

from saltern import database, paths
from saltern.errors import CertificateError
from saltern.pki import chain

SCHEMA = """
CREATE TABLE IF NOT EXISTS issued (
    serial TEXT PRIMARY KEY,      -- hexadecimal, lower case
    root TEXT NOT NULL,
    node TEXT NOT NULL,
    name TEXT NOT NULL,           -- application/name
    not_after INTEGER NOT NULL,   -- Unix time
    fingerprint TEXT NOT NULL,    -- SHA-256
    issued_at INTEGER NOT NULL    -- Unix time
);
CREATE INDEX IF NOT EXISTS issued_node ON issued (node, name, issued_at);
CREATE INDEX IF NOT EXISTS issued_not_after ON issued (not_after);
"""


@dataclass(frozen=True)
class Record:
    """A signed leaf. Times are Unix times."""

    serial: str
    root: str
    node: str
    name: str
    not_after: int
    fingerprint: str
    issued_at: int


def record(certificate: x509.Certificate, *, root: str, node: str, name: str) -> Record:
    """The inventory's line for a leaf that was signed just now."""
    return Record(
        serial=f"{certificate.serial_number:x}",
        root=root,
        node=node,
        name=name,
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        fingerprint=chain.fingerprint(certificate),
        issued_at=int(chain.now().timestamp()),
    )


class Inventory:
    """All issued leaves. Safe for several processes and for kill -9; opens a connection per call.

    :param path: the SQLite file, made with mode 0600.
    """

    def __init__(self, path: str | Path = paths.ISSUED) -> None:
        self._path = Path(path)

    def add(self, records: Iterable[Record]) -> None:
        """Writes all records or none; they are on disk when this returns.

        :raises CertificateError: when the inventory cannot be written.
        """
        with self._open() as connection:
            rows = [astuple(one) for one in records]
            connection.executemany("INSERT INTO issued VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def records(self, node: str = "", root: str = "", limit: int = 1000) -> list[Record]:
        """The issued leaves, the newest first, of one node or one root where they are given."""
        query = (
            "SELECT serial, root, node, name, not_after, fingerprint, issued_at FROM issued "
            "WHERE (:node = '' OR node = :node) AND (:root = '' OR root = :root) "
            "ORDER BY issued_at DESC, rowid DESC LIMIT :limit"
        )
        if not self._path.exists():
            return []
        with self._open() as connection:
            return [Record(*row) for row in connection.execute(query, {"node": node, "root": root, "limit": limit})]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with database.transaction(self._path, SCHEMA) as connection:
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise CertificateError(
                f"The inventory {self._path} cannot be used: {error}.",
                cure="check free space and rights of the file on the support server.",
            ) from error
