"""Provider ``file``: directories that an operator (or another Saltern store) fills. The air-gapped way.

Looked for, in this order, in each directory:

1. ``<name>/<version>/<file>`` with the record ``<file>.json`` of another store beside it,
2. ``<name>/<version>/<file>`` with ``<file>.sha256`` beside it (as ``sha256sum`` prints it),
3. the publisher's archive under its own name, checked against the sum that the manifest pins.

A file without any stated sum is refused.
"""

from __future__ import annotations

import re
from pathlib import Path

from saltern.artifacts import download, files
from saltern.artifacts.model import Artifact, Entry, Report, Supplied
from saltern.artifacts.providers.release import ReleaseProvider, unpack
from saltern.artifacts.store import read_record
from saltern.errors import ArtifactError


class FileProvider:
    """Takes artifacts from directories.

    :param directories: looked into in this order; one that does not exist holds nothing.
    :param releases: knows the names of the publishers' archives.
    """

    name = "file"

    def __init__(self, directories: tuple[Path, ...], releases: ReleaseProvider) -> None:
        self._directories, self._releases = directories, releases

    def declared(self, artifact: Artifact) -> bool:
        """Every artifact may lie in a directory."""
        return bool(self._directories)

    def supply(self, artifact: Artifact, work: Path, report: Report, after: float) -> Supplied:
        """Copy and verify."""
        for directory in self._directories:
            path = directory / artifact.name / artifact.version / artifact.file
            if path.is_file():
                return self._plain(artifact, path, work)
            archive = self._archive(artifact, directory)
            if archive is not None:
                return self._release(artifact, archive, work)
        looked = ", ".join(str(directory) for directory in self._directories)
        raise ArtifactError(
            f"{artifact.label} is not in {looked}.",
            cure=f"put it there as {artifact.name}/{artifact.version}/{artifact.file} with "
            f"{artifact.file}.sha256 beside it",
        )

    def _archive(self, artifact: Artifact, directory: Path) -> Path | None:
        if artifact.release is None:
            return None
        path = directory / self._releases.url(artifact).rsplit("/", 1)[1]
        return path if path.is_file() else None

    def _plain(self, artifact: Artifact, path: Path, work: Path) -> Supplied:
        record = read_record(path)
        pinned = record.sha256 if record else _stated_sum(path)
        if record and (record.name, record.version) != (artifact.name, artifact.version):
            raise ArtifactError(f"{path} is {record.name} {record.version} by its record, not {artifact.label}.")
        target = work / artifact.file
        _copy(path, target)
        download.expect(target, pinned, str(path))
        return _supplied(target, path, record)

    def _release(self, artifact: Artifact, archive: Path, work: Path) -> Supplied:
        assert artifact.release is not None  # noqa: S101 - _archive found one
        if not artifact.release.sha256:
            raise ArtifactError(f"The manifest states no sha256 of {archive.name}.", cure="add it to the manifest")
        copied = work / "release.zip"
        _copy(archive, copied)
        download.expect(copied, artifact.release.sha256, str(archive))
        member = unpack(copied, artifact.release.member, work, str(archive))
        copied.unlink()
        return Supplied(member, source=f"{archive} sha256:{artifact.release.sha256}")


def _copy(source: Path, target: Path) -> None:
    try:
        files.copy(source, target)
    except OSError as error:
        raise ArtifactError(f"{source} cannot be copied: {error}.", cure="check rights and free space") from error


def _stated_sum(path: Path) -> str:
    stated = path.with_name(path.name + ".sha256")
    try:
        text = stated.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ArtifactError(
            f"{path} has neither a record nor a stated sum.",
            cure=f"after you checked where it comes from: sha256sum {path.name} > {stated}",
        ) from error
    found = re.match(r"[0-9a-f]{64}\b", text)
    if not found:
        raise ArtifactError(f"{stated} does not begin with a sha256 sum.", cure="write it with sha256sum")
    return found[0]


def _supplied(target: Path, path: Path, record: Entry | None) -> Supplied:
    if record is None:
        return Supplied(target, source=str(path))
    return Supplied(
        target,
        source=record.source,
        recipe=record.recipe,
        key=record.key,
        image_id=record.image_id,
        served_by=record.provider,
    )
