"""The base image is named by its recipe."""

from __future__ import annotations

import shutil

import pytest

from saltern_lab import base


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A copy of the recipe that a test may change."""
    for name in ("SOURCES", "REQUIREMENTS", "MINION_UNIT", "MINION_BASELINE"):
        source = getattr(base, name)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / source.name)
        monkeypatch.setattr(base, name, tmp_path / source.name)
    return tmp_path


def test_the_same_recipe_gives_the_same_name(recipe):
    assert base.identity() == base.identity()
    assert len(base.identity()) == 16


@pytest.mark.parametrize(
    "file", ["base/packages", "base/lab-init", "requirements.txt", "salt-minion.service", "baseline.conf"]
)
def test_every_part_of_the_recipe_changes_the_name(recipe, file):
    before = base.identity()
    with (recipe / file).open("a") as stream:
        stream.write("# changed\n")
    assert base.identity() != before


def test_content_cannot_move_between_files_unnoticed(recipe):
    before = base.identity()
    content = (recipe / "base/packages").read_text()
    (recipe / "base/packages").write_text(content[:-1])
    (recipe / "base/lab-init").write_text(content[-1] + (recipe / "base/lab-init").read_text())
    assert base.identity() != before


def test_the_packages_that_nodes_cannot_do_without():
    packages = base.packages()
    assert {"systemd", "firewalld", "netbase", "openssh-server", "docker.io", "containernetworking-plugins"} <= set(
        packages
    )
    assert not [name for name in packages if name.startswith("#") or " " in name]


def test_the_cache_can_lie_elsewhere(monkeypatch):
    monkeypatch.setenv("SALTERN_CACHE", "/mnt/cache")
    assert str(base.directory()).startswith("/mnt/cache/base/")
