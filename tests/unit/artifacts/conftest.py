"""A pinned binary and its place in a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltern.artifacts.model import Artifact, Release
from saltern.artifacts.store import Store


@pytest.fixture
def artifact() -> Artifact:
    release = Release("https://example.org/{name}_{version}_{platform}.zip", "a" * 64, "tool")
    return Artifact("tool", "1.2.3", "MIT", "binary", "tool", release=release)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store
