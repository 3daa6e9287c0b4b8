"""The copy of this project that the support server serves, at /srv/saltern."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

from saltern.paths import REPOSITORY as REPOSITORY_IN_SUPPORT
from saltern_lab import inside, run
from saltern_lab.node import LabNode
from saltern_lab.settings import REPOSITORY

TARGET = REPOSITORY_IN_SUPPORT
DEFINITION, OPERATORS = "pillar/cluster", "pillar/cluster/operators"
# The tree is unpacked beside the old one and takes its place in one step.
UNPACK = f"""
set -e
rm -rf {TARGET}.new {TARGET}.old
mkdir -m 0755 {TARGET}.new
# --touch: the master keeps the hash of a file that it serves until the file's time changes
tar --extract --touch --no-same-owner --directory {TARGET}.new
[ ! -e {TARGET} ] || mv {TARGET} {TARGET}.old
mv {TARGET}.new {TARGET}
rm -rf {TARGET}.old
"""


def paths(root: Path = REPOSITORY) -> list[str]:
    """The project's files: what git knows or would take; outside a checkout, all there are."""
    if (root / ".git").exists():
        done = run.command(
            ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z", "--cached", "--others"]
            + ["--exclude-standard"]
        )
        listed = [path for path in done.stdout.split("\0") if path]
    else:
        listed = [
            str((Path(directory) / name).relative_to(root))
            for directory, directories, names in os.walk(root)
            for name in [*names, *(link for link in directories if (Path(directory) / link).is_symlink())]
            if "__pycache__" not in directory
        ]
    return sorted({path for path in listed if (root / path).is_symlink() or (root / path).is_file()})


def archive(definition: Path | None, operators: Mapping[str, str], root: Path = REPOSITORY) -> bytes:
    """The tree as a tar archive that is the same for the same content.

    :param definition: a file that takes the place of ``pillar/cluster/*.yaml``.
    :param operators: the operators' public keys by their names.
    """
    added = {f"{OPERATORS}/{name}.asc": key.encode() for name, key in operators.items()}
    if definition:
        added[f"{DEFINITION}/lab.yaml"] = definition.read_bytes()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path in paths(root):
            parent = str(Path(path).parent)
            if parent == OPERATORS or (definition and parent == DEFINITION and path.endswith(".yaml")):
                continue
            source = root / path
            if source.is_symlink():
                _add(tar, path, link=str(source.readlink()))
            else:
                _add(tar, path, source.read_bytes(), executable=os.access(source, os.X_OK))
        for path, content in added.items():
            _add(tar, path, content)
    return stream.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes = b"", *, link: str = "", executable: bool = False) -> None:
    """Add one entry owned by root; whoever could write here would be root on every node."""
    entry = tarfile.TarInfo(path)
    entry.mode, entry.size = (0o755 if executable else 0o644), len(content)
    if link:
        entry.type, entry.linkname = tarfile.SYMTYPE, link
    tar.addfile(entry, io.BytesIO(content))


def copy(node: LabNode, content: bytes) -> bool:
    """Bring the tree into the support node; false when it is there already."""
    digest = hashlib.sha256(content).hexdigest()
    stamp = node.directory / "repository.sha256"
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return False
    stamp.unlink(missing_ok=True)
    inside.run(node, ["sh", "-c", f"umask 022\n{UNPACK}"], stdin=content)
    stamp.write_text(digest, encoding="ascii")
    return True
