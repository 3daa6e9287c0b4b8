"""The copy of the project that goes into the support server."""

from __future__ import annotations

import io
import subprocess
import tarfile

import pytest

from saltern_lab import repository


@pytest.fixture
def tree(tmp_path):
    """A small project with what is easily forgotten: links, executables, a key and files that are not its own."""
    for path, text in {
        "run": "#!/bin/sh\n",
        "pillar/cluster/zones.yaml": "zones: {}\n",
        "pillar/cluster/operators/old.asc": "old",
        "_utils/a.py": "A = 1\n",
        "_utils/__pycache__/a.pyc": "x",
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "run").chmod(0o775)
    (tmp_path / "salt").mkdir()
    (tmp_path / "salt/_utils").symlink_to("../_utils")
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    return tmp_path


def entries(content):
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {entry.name: entry for entry in tar.getmembers()}


@pytest.mark.parametrize("checkout", [True, False])
def test_the_tree_goes_whole_with_or_without_git(tree, checkout):
    if checkout:
        subprocess.run(["git", "init", "--quiet", str(tree)], check=True)
        subprocess.run(["git", "-C", str(tree), "add", "run"], check=True)
    assert repository.paths(tree) == [
        *(".gitignore", "_utils/a.py", "pillar/cluster/operators/old.asc", "pillar/cluster/zones.yaml"),
        *("run", "salt/_utils"),
    ]


def test_a_file_that_git_knows_but_that_is_gone_is_left_out(tree):
    subprocess.run(["git", "init", "--quiet", str(tree)], check=True)
    subprocess.run(["git", "-C", str(tree), "add", "run"], check=True)
    (tree / "run").unlink()
    assert "run" not in repository.paths(tree)


def test_only_root_can_write_what_arrives(tree):
    found = entries(repository.archive(None, {}, tree))
    assert {(entry.uid, entry.gid) for entry in found.values()} == {(0, 0)}
    assert found["run"].mode == 0o755
    assert found["_utils/a.py"].mode == 0o644
    assert found["salt/_utils"].linkname == "../_utils"


def test_the_labs_operators_take_the_place_of_others(tree):
    found = entries(repository.archive(None, {"ada": "key"}, tree))
    assert "pillar/cluster/operators/ada.asc" in found
    assert "pillar/cluster/operators/old.asc" not in found


def test_a_definition_file_takes_the_place_of_the_projects_own(tree, tmp_path):
    other = tmp_path.parent / "other.yaml"
    other.write_text("zones: {core: {}}\n")
    found = entries(repository.archive(other, {}, tree))
    assert "pillar/cluster/zones.yaml" not in found
    assert found["pillar/cluster/lab.yaml"].size == other.stat().st_size


def test_the_same_tree_gives_the_same_archive(tree):
    first = repository.archive(None, {"ada": "key"}, tree)
    (tree / "run").touch()
    assert repository.archive(None, {"ada": "key"}, tree) == first
    (tree / "run").write_text("#!/bin/sh\nexit\n")
    assert repository.archive(None, {"ada": "key"}, tree) != first
