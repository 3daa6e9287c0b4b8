"""The files of the project: what git tracks or would track. What tools leave behind is not among them."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

LOADER_FOLDERS = ("_modules", "_runners", "_states", "_beacons", "_clouds", "_pillar")


@cache
def files(root: Path) -> tuple[Path, ...]:
    """Every regular file of the project, relative to its root, sorted; symlinks are not followed."""
    # safe.directory: root runs the tests of a checkout that belongs to its user.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    paths = sorted({Path(name) for name in listed.split("\0") if name})
    return tuple(path for path in paths if (root / path).is_file() and not (root / path).is_symlink())


def interpreter(path: Path) -> str:
    """``python``, ``bash`` or nothing: by suffix, else by the first line."""
    if path.suffix in {".py", ".sh"}:
        return {".py": "python", ".sh": "bash"}[path.suffix]
    if path.suffix:
        return ""
    with path.open("rb") as stream:
        first = stream.readline(100)
    if not first.startswith(b"#!"):
        return ""
    if b"python" in first:
        return "python"
    return "bash" if first.rstrip().endswith((b"bash", b"/sh")) else ""


def written_in(root: Path, language: str) -> list[Path]:
    """The project's files in ``python`` or ``bash``, relative to its root."""
    return [path for path in files(root) if interpreter(root / path) == language]
