"""The tree is laid out as docs/reference/layout.md says, and the page says no more and no less than there is."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import pytest

from runner.tree import LOADER_FOLDERS, files

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "layout.md"
TIERS = ("unit", "render", "functional", "integration", "lab")
# Loader folders that minions synchronise; runners, cloud drivers and the external pillar stay on the master.
SYNCED = ("_modules", "_states", "_beacons", "_utils")
LIFE_CYCLE = {"installed.sls", "configured.sls", "running.sls", "absent.sls"}
SERVICES = ("consul", "vault", "nomad", "docker", "nginx")
ROLES = ("support", "consul-server", "vault", "nomad-server", "nomad-client")
FORWARD = re.compile(r"docs/[\w/-]+\.md")
LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")


def folders() -> set[str]:
    """Every folder that holds a file of the project, with its parents, as ``path/``."""
    return {f"{parent}/" for path in files(ROOT) for parent in PurePosixPath(path).parents if str(parent) != "."}


def documented() -> list[str]:
    """The paths that the page explains: the first cell of each table row."""
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert all(explanation.strip() for _, explanation in rows), "a path without an explanation"
    return [path for path, _ in rows]


def matches(path: str, pattern: str) -> bool:
    """``<name>`` stands for one segment, ``…/`` at the end for whatever lies below."""
    if pattern.endswith("…/"):
        return path.startswith(pattern[:-2])
    parts, wanted = path.rstrip("/").split("/"), re.sub(r"<[^>]+>", "*", pattern).rstrip("/").split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def test_every_folder_and_every_file_at_the_top_is_explained():
    top = {str(path) for path in files(ROOT) if len(path.parts) == 1}
    patterns = documented()
    missing = [path for path in folders() | top if not any(matches(path, pattern) for pattern in patterns)]
    assert not missing, "not in docs/reference/layout.md: " + ", ".join(sorted(missing))


def test_everything_explained_exists():
    there = folders() | {path.as_posix() for path in files(ROOT)}
    there |= {str(path.relative_to(ROOT)) for path in (ROOT / "salt").iterdir() if path.is_symlink()}
    gone = [pattern for pattern in documented() if not any(matches(path, pattern) for path in there)]
    assert not gone, "in docs/reference/layout.md, not in the tree: " + ", ".join(gone)


def test_nothing_is_explained_twice():
    assert [path for path, count in Counter(documented()).items() if count > 1] == []


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE",
        "Saltfile",
        "pyproject.toml",
        ".ci/run",
        "support/install",
        "support/etc/",
        "lab/up",
        "lab/down",
        "lab/status",
        "lab/exec",
        "lab/kill",
        "lab/shell",
        "tests/run",
        "artifacts/manifest.yaml",
        "pillar/top.sls",
        "pillar/cluster/",
        "pillar/pki/",
        "salt/top.sls",
        "docs/tutorial/",
        "docs/how-to/",
        "docs/reference/",
        "docs/explanation/",
        "docs/decisions/",
        "docs/runbooks/",
        *(f"{folder}/" for folder in (*LOADER_FOLDERS, "_utils/saltern", "_utils/saltern/clients")),
        *(f"tests/{tier}/" for tier in TIERS),
    ],
)
def test_what_everybody_looks_for_is_in_its_place(path):
    assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file()


@pytest.mark.parametrize("path", ["support/install", "lab/up", "lab/down", "tests/run", ".ci/run"])
def test_commands_are_executable(path):
    assert (ROOT / path).stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("folder", SYNCED)
def test_minions_get_loader_folders_by_relative_symlinks(folder):
    if not (ROOT / folder).is_dir():
        assert not (ROOT / "salt" / folder).is_symlink(), "a dangling link"
        return
    link = ROOT / "salt" / folder
    assert link.is_symlink()
    assert str(link.readlink()) == f"../{folder}"


def test_the_file_root_links_to_nothing_else():
    links = [path for path in (ROOT / "salt").rglob("*") if path.is_symlink()]
    assert {path.name for path in links} <= {*SYNCED, *LOADER_FOLDERS}
    assert all(path.parent == ROOT / "salt" for path in links)


def test_salt_is_no_python_package():
    # It would hide Salt's own package from everything that runs in this folder.
    assert not (ROOT / "salt" / "__init__.py").exists()


def test_utils_hold_only_what_salt_synchronises():
    found = [path for path in files(ROOT) if path.parts[0] == "_utils" and path.suffix != ".py"]
    assert found == [], "Salt ships only .py, .pyx, .so and .zip to minions"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_its_whole_life_cycle(service):
    found = {path.name for path in (ROOT / "salt" / service).glob("*.sls")}
    assert found >= LIFE_CYCLE


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_its_undo(role):
    assert {"init.sls", "absent.sls"} <= {path.name for path in (ROOT / "salt" / "roles" / role).glob("*.sls")}


def test_a_bootstrap_step_is_a_file_of_its_own():
    steps = [path for path in files(ROOT) if path.parent.as_posix() == "_utils/saltern/bootstrap/steps"]
    for path in steps:
        text = (ROOT / path).read_text(encoding="utf-8")
        if path.name != "__init__.py":
            missing = [
                part for part in ("TITLE", "NEEDS", "check", "apply", "verify") if not re.search(rf"\b{part}\b", text)
            ]
            assert (path.name, missing) == (path.name, [])


def test_names_of_test_files_are_unique_within_a_tier():
    names = Counter((path.parts[1], path.name) for path in files(ROOT) if path.match("tests/**/test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_every_page_that_is_named_exists():
    missing = []
    for path in files(ROOT):
        if path.suffix in {".asc", ".sum", ".mod"} or path.name == Path(__file__).name:
            continue
        text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
        missing += [f"{path}: {page}" for page in FORWARD.findall(text) if not (ROOT / page).is_file()]
        if path.suffix == ".md":
            links = [link for link, _ in LINK.findall(text)]
            missing += [f"{path}: {link}" for link in links if not (ROOT / path.parent / link).exists()]
    assert not missing, "\n".join(missing)
