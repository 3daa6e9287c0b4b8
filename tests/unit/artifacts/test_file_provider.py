"""Provider ``file`` takes what an operator put into a directory, with a stated sum only."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from artifacts_support import CONTENT, put
from saltern.artifacts.download import ChecksumMismatch
from saltern.artifacts.model import Artifact, Supplied
from saltern.artifacts.providers.file import FileProvider
from saltern.artifacts.providers.release import ReleaseProvider
from saltern.artifacts.store import Store
from saltern.errors import ArtifactError


def supply(directory: Path, artifact: Artifact, tmp_path: Path) -> Supplied:
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    provider = FileProvider((tmp_path / "does-not-exist", directory), ReleaseProvider("linux_amd64"))
    assert provider.declared(artifact)
    return provider.supply(artifact, work, lambda progress: None, 0)


def lay(directory: Path, content: bytes = CONTENT) -> Path:
    path = directory / "tool/1.2.3/tool"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_another_store_with_its_record(store: Store, artifact: Artifact, tmp_path: Path):
    put(store, artifact, recipe="r")
    supplied = supply(store.root, artifact, tmp_path)
    assert supplied.path.read_bytes() == CONTENT
    assert (supplied.served_by, supplied.source, supplied.recipe) == ("release", "made up", "r")


def test_another_store_whose_file_was_changed(store: Store, artifact: Artifact, tmp_path: Path):
    store.path(put(store, artifact)).write_bytes(b"something else")
    with pytest.raises(ChecksumMismatch, match="Wrong checksum"):
        supply(store.root, artifact, tmp_path)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_file_with_a_stated_sum(artifact: Artifact, tmp_path: Path):
    path = lay(tmp_path / "files")
    path.with_name("tool.sha256").write_text(f"{hashlib.sha256(CONTENT).hexdigest()}  tool\n")
    supplied = supply(tmp_path / "files", artifact, tmp_path)
    assert (supplied.source, supplied.served_by) == (str(path), "")


@pytest.mark.parametrize(
    ("stated", "error", "text"),
    [
        ("0" * 64, ChecksumMismatch, "Wrong checksum"),
        ("no sum", ArtifactError, "does not begin with a sha256 sum"),
        (None, ArtifactError, "neither a record nor a stated sum"),
    ],
)
def test_a_file_without_a_right_sum(
    artifact: Artifact, tmp_path: Path, stated: str | None, error: type[Exception], text: str
):
    path = lay(tmp_path / "files")
    if stated is not None:
        path.with_name("tool.sha256").write_text(stated)
    with pytest.raises(error, match=text):
        supply(tmp_path / "files", artifact, tmp_path)


def archive(directory: Path) -> str:
    directory.mkdir()
    path = directory / "tool_1.2.3_linux_amd64.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("tool", CONTENT)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pinned(artifact: Artifact, sha256: str) -> Artifact:
    assert artifact.release is not None
    return replace(artifact, release=replace(artifact.release, sha256=sha256))


def test_the_publishers_archive_with_the_pinned_sum(artifact: Artifact, tmp_path: Path):
    artifact = pinned(artifact, archive(tmp_path / "files"))
    assert supply(tmp_path / "files", artifact, tmp_path).path.read_bytes() == CONTENT


def test_the_publishers_archive_with_another_sum(artifact: Artifact, tmp_path: Path):
    archive(tmp_path / "files")
    with pytest.raises(ChecksumMismatch):
        supply(tmp_path / "files", artifact, tmp_path)


def test_the_publishers_archive_without_a_pinned_sum(artifact: Artifact, tmp_path: Path):
    archive(tmp_path / "files")
    with pytest.raises(ArtifactError, match="states no sha256"):
        supply(tmp_path / "files", pinned(artifact, ""), tmp_path)


def test_a_file_that_is_not_there_says_where_to_put_it(artifact: Artifact, tmp_path: Path):
    with pytest.raises(ArtifactError, match=r"tool 1\.2\.3 is not in .* Cure: put it there as tool/1\.2\.3/tool"):
        supply(tmp_path / "empty", artifact, tmp_path)
