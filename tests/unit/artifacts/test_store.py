"""A store holds whole artifacts or none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artifacts_support import CONTENT, put
from saltern.artifacts import files
from saltern.artifacts.model import Artifact, Supplied
from saltern.artifacts.store import Store


def test_what_was_added_is_there_and_whole(store: Store, artifact: Artifact):
    entry = put(store, artifact)
    assert store.entry("tool", "1.2.3") == entry
    assert store.entries() == [entry]
    assert store.path(entry).read_bytes() == CONTENT
    assert store.path(entry).stat().st_mode & 0o777 == 0o755
    assert (entry.sha256, entry.size, entry.provider) == (files.sha256_of(store.path(entry)), len(CONTENT), "release")
    assert store.verify() == []


def test_a_crash_before_the_record_leaves_no_artifact(
    store: Store, artifact: Artifact, monkeypatch: pytest.MonkeyPatch
):
    put(store, artifact)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "write_text", crash)
    with pytest.raises(KeyboardInterrupt):
        put(store, artifact, b"another build")
    assert store.entry("tool", "1.2.3") is None
    assert [str(one) for one in store.verify() if "not finished" in str(one)]


def test_a_crash_before_the_file_leaves_no_artifact(store: Store, artifact: Artifact, monkeypatch: pytest.MonkeyPatch):
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "publish", crash)
    with pytest.raises(KeyboardInterrupt):
        put(store, artifact)
    assert store.entries() == []
    assert not (store.root / "tool/1.2.3/tool").exists()


def test_a_file_of_another_size_is_no_artifact(store: Store, artifact: Artifact):
    path = store.path(put(store, artifact))
    path.write_bytes(CONTENT[:-1])
    assert store.entry("tool", "1.2.3") is None


def test_verify_finds_a_changed_file_a_missing_file_and_a_broken_record(store: Store, artifact: Artifact):
    path = store.path(put(store, artifact))
    path.write_bytes(CONTENT.replace(b"1", b"2"))
    assert "Its sha256 is" in str(store.verify()[0])
    path.unlink()
    assert "is missing" in str(store.verify()[0])
    (path.parent / "tool.json").write_text("[]")
    assert "cannot be read" in str(store.verify()[0])


def test_a_strict_umask_does_not_make_the_store_unreadable(tmp_path: Path, artifact: Artifact):
    before = os.umask(0o077)
    try:
        store = Store(tmp_path / "strict")
        store.prepare()
        entry = put(store, artifact)
    finally:
        os.umask(before)
    path = store.path(entry)
    assert [one.stat().st_mode & 0o777 for one in (store.root, path.parent.parent, path.parent)] == [0o755] * 3
    assert (path.parent / "tool.json").stat().st_mode & 0o777 == 0o644


def test_only_one_process_fills_a_store(store: Store):
    said: list[str] = []
    with store.lock(lambda: said.append("waiting")):
        child = os.fork()
        if child == 0:
            with store.lock(lambda: os._exit(7)):
                os._exit(0)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    assert said == []


def test_the_source_and_an_images_id_are_recorded(store: Store):
    image = Artifact("picture", "1.0.0", "MIT", "image", "picture.tar")
    path = store.work(image) / "picture.tar"
    path.write_bytes(b"tar")
    entry = store.add(image, Supplied(path, source="busybox", image_id="sha256:1"), "image")
    assert (entry.image, entry.image_id, entry.source) == ("saltern/picture:1.0.0", "sha256:1", "busybox")
    assert store.path(entry).stat().st_mode & 0o777 == 0o644
