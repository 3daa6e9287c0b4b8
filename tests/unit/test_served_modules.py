"""Nodes get the modules that they run and not those that only the master runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
UTILS = ROOT / "_utils"
CONFIGURATION = ROOT / "support" / "etc" / "master.d" / "saltern.conf"
ON_NODES = ("_modules", "_states", "_beacons")


def ignored(path: Path) -> bool:
    """Whether the master leaves a file out; Salt asks with the file's path as it lies on the support server."""
    patterns = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))["file_ignore_regex"]
    return any(re.search(pattern, f"/srv/saltern/salt/{path.relative_to(ROOT)}") for pattern in patterns)


def module_file(name: str) -> Path | None:
    """The file of one of our modules; None for others' and for names that are no modules."""
    path = UTILS.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imports(file: Path) -> set[str]:
    """Every name that a file may import, with the packages above it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name.rsplit(".", count)[0] for name in names for count in range(name.count(".") + 1)}


def needed_by(files: list[Path]) -> set[Path]:
    """Those of our modules that these files import, directly or not."""
    found: set[Path] = set()
    while files:
        for name in imports(files.pop()):
            file = module_file(name)
            if file and file not in found:
                found.add(file)
                files.append(file)
    return found


@pytest.mark.parametrize("folder", ON_NODES)
def test_nodes_get_everything_that_they_import(folder):
    files = sorted((ROOT / folder).glob("*.py"))
    assert files
    assert [str(file) for file in [*files, *needed_by(files)] if ignored(file)] == []


@pytest.mark.parametrize(
    "folder", ["saltern/bootstrap", "saltern/prove", "saltern/artifacts/providers", "saltern_salt"]
)
def test_what_only_the_master_runs_stays_there(folder):
    files = sorted((UTILS / folder).rglob("*.py"))
    assert files
    assert [str(file) for file in files if not ignored(file)] == []


def test_a_beacon_never_brings_the_package_into_the_minions_daemon():
    # Every job is a fork of the daemon: it would work with modules from before the last synchronisation.
    for file in sorted((ROOT / "_beacons").glob("*.py")):
        tops = ast.parse(file.read_text(encoding="utf-8")).body
        assert not [
            one for one in tops if "saltern" in ast.unparse(one) and isinstance(one, ast.Import | ast.ImportFrom)
        ]
