"""Backup and restore of the inventory. A restore merges: it forgets no serial, no revocation, and lowers no number."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from saltern import database, files, paths
from saltern.errors import CertificateError
from saltern.pki.inventory import SCHEMA

# In both, the first word wins: the oldest revocation of a leaf is the one that clients may have acted upon.
_MERGE = """
INSERT OR IGNORE INTO main.issued
    (serial, root, profile, asker, name, not_before, not_after, fingerprint, issued_at)
    SELECT serial, root, profile, asker, name, not_before, not_after, fingerprint, issued_at
    FROM backup.issued ORDER BY number;
INSERT INTO main.revoked (serial, root, reason, revoked_by, revoked_at, not_after)
    SELECT serial, root, reason, revoked_by, revoked_at, not_after FROM backup.revoked WHERE true
    ON CONFLICT (serial) DO UPDATE SET
        reason = iif(excluded.revoked_at < revoked_at, excluded.reason, reason),
        revoked_by = iif(excluded.revoked_at < revoked_at, excluded.revoked_by, revoked_by),
        revoked_at = min(excluded.revoked_at, revoked_at);
INSERT INTO main.crl SELECT root, number FROM backup.crl WHERE true
    ON CONFLICT (root) DO UPDATE SET number = max(number, excluded.number);
"""


def backup(target: str | Path, path: str | Path = paths.ISSUED) -> None:
    """Copies the inventory, as it is at one moment, to the file ``target`` (0600) while others write to it.

    :raises CertificateError: when there is no inventory, or the target cannot be written.
    """
    wanted = Path(target)
    staged = wanted.with_name(f".{wanted.name}.{secrets.token_hex(6)}")
    try:
        os.close(os.open(staged, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(_read_only(Path(path))) as source, closing(sqlite3.connect(staged)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, which opens where nothing can be written
        staged.replace(wanted)
        files.sync_directory(wanted.parent)
    except (sqlite3.Error, OSError) as error:
        raise CertificateError(
            f"The inventory {path} cannot be copied to {target}: {error}.", cure="check both files and free space."
        ) from error
    finally:
        staged.unlink(missing_ok=True)


def restore(source: str | Path, path: str | Path = paths.ISSUED) -> None:
    """Adds what a backup holds to the inventory, all of it or nothing; what is there already stays.

    What was revoked after the backup is known only where the inventory itself, or a CRL, is still there: keep it in
    place and restore over it, and merge the last published CRLs (:func:`saltern.pki.crl.merge`).

    :raises CertificateError: when the backup is damaged or none, or the inventory cannot be written.
    """
    try:
        with closing(_read_only(Path(source))) as backup_file:
            (found,) = backup_file.execute("PRAGMA integrity_check").fetchone()
        if found != "ok":
            raise CertificateError(f"The backup {source} is damaged: {found}.", cure="take another backup.")
        with closing(database.connect(Path(path), SCHEMA)) as connection:
            connection.execute("ATTACH ? AS backup", (f"{Path(source).absolute().as_uri()}?mode=ro",))
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement in _MERGE.strip().split(";\n"):
                    connection.execute(statement)
    except (sqlite3.Error, OSError) as error:
        raise CertificateError(
            f"The backup {source} cannot be merged into {path}: {error}.",
            cure="check that it is a backup of the inventory; nothing was changed.",
        ) from error


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=database.BUSY_SECONDS)
