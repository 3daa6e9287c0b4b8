"""The store: finished artifacts as ``<store>/<name>/<version>/<file>`` with ``<file>.json`` beside each.

An artifact is in the store when its record is there; the record is written last and removed first, so a reader finds
a whole artifact or none. The store holds no secret and is world-readable.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, fields
from pathlib import Path

from saltern.artifacts import files
from saltern.artifacts.model import Artifact, Entry, Supplied
from saltern.errors import ArtifactError, Problem

_WORK = ".work"  # partial downloads and builds; never served


class Store:
    """A directory of finished artifacts.

    :param root: its path; made by :meth:`prepare` when it does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the store's directories."""
        try:
            files.directory(self.root, 0o755)
            files.directory(self.root / _WORK, 0o700)
        except OSError as error:
            raise ArtifactError(f"The artifact store cannot be made: {error}.", cure="run as root") from error

    def lock(self, waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Only one process fills a store at a time."""
        return files.locked(self.root / _WORK / "lock", waiting)

    def work(self, artifact: Artifact) -> Path:
        """A directory on the store's file system for what is not finished; kept so that a download can resume."""
        directory = self.root / _WORK / f"{artifact.name}-{artifact.version}"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return directory

    def path(self, entry: Entry) -> Path:
        """Where the artifact's file lies."""
        return self.root / entry.name / entry.version / entry.file

    def entry(self, name: str, version: str) -> Entry | None:
        """The finished artifact, or None; an artifact without its file, or of another size, does not count."""
        for record in sorted((self.root / name / version).glob("*.json")):
            entry = _read(record)
            if entry and (entry.name, entry.version) == (name, version) and self._whole(entry):
                return entry
        return None

    def entries(self) -> list[Entry]:
        """Every finished artifact, by name and version."""
        found = [
            self.entry(record.parent.parent.name, record.parent.name)
            for record in sorted(self.root.glob("[a-z0-9]*/*/*.json"))
        ]
        return [entry for entry in found if entry]

    def add(self, artifact: Artifact, supplied: Supplied, provider: str) -> Entry:
        """Take a finished file into the store; the file is moved.

        :param supplied: a file on the store's own file system, see :meth:`work`.
        """
        target = self.root / artifact.name / artifact.version / artifact.file
        for directory in (target.parent.parent, target.parent):
            files.directory(directory, 0o755)
        entry = Entry(
            name=artifact.name,
            version=artifact.version,
            file=artifact.file,
            sha256=files.sha256_of(supplied.path),
            size=supplied.path.stat().st_size,
            kind=artifact.kind,
            licence=artifact.licence,
            provider=supplied.served_by or provider,
            source=supplied.source,
            recipe=supplied.recipe,
            key=supplied.key,
            image=artifact.reference if artifact.kind == "image" else "",
            image_id=supplied.image_id,
        )
        record = _record(target)
        record.unlink(missing_ok=True)
        files.publish(supplied.path, target, 0o755 if artifact.kind == "binary" else 0o644)
        files.write_text(record, json.dumps(asdict(entry), indent=2, sort_keys=True) + "\n")
        shutil.rmtree(self.work(artifact))
        return entry

    def verify(self) -> list[Problem]:
        """What is wrong in the store: sums that do not match, records without a file, files without a record."""
        problems = []
        for record in sorted(self.root.glob("[a-z0-9]*/*/*.json")):
            problems += self._verify_one(record)
        for path in sorted(self.root.glob("[a-z0-9]*/*/*")):
            if path.suffix != ".json" and not _record(path).exists():
                problems.append(
                    Problem("It has no record: it was not finished.", where=str(path), cure="fetch the artifact again")
                )
        return problems

    def _verify_one(self, record: Path) -> list[Problem]:
        entry = _read(record)
        again = "delete it and fetch the artifact again"
        if entry is None:
            return [Problem("The record cannot be read.", where=str(record), cure=again)]
        path = self.path(entry)
        if not path.is_file():
            return [Problem("The file that the record names is missing.", where=str(record), cure=again)]
        found = files.sha256_of(path)
        if found != entry.sha256:
            return [Problem(f"Its sha256 is {found}, recorded is {entry.sha256}.", where=str(path), cure=again)]
        return []

    def _whole(self, entry: Entry) -> bool:
        path = self.path(entry)
        return path.is_file() and path.stat().st_size == entry.size


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def read_record(path: Path) -> Entry | None:
    """The record beside a file in store layout, or None when there is none that can be read."""
    return _read(_record(path))


def _read(record: Path) -> Entry | None:
    try:
        data = json.loads(record.read_text(encoding="utf-8"))
        known = {one.name for one in fields(Entry)}
        return Entry(**{key: value for key, value in data.items() if key in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None
