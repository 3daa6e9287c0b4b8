"""Control groups: one per node in every hierarchy, which limit it and tell which processes belong to it.

Both layouts are served: version 1 (each controller a hierarchy of its own) and version 2 (one for all).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saltern.errors import LabError
from saltern.model import Size
from saltern_lab import wait

ROOT = Path("/sys/fs/cgroup")
CPU_PERIOD = 100_000  # microseconds
CONTROLLERS = ("memory", "cpu", "pids", "io", "cpuset")


@dataclass(frozen=True)
class Hierarchy:
    """One mounted hierarchy: its controllers (version 1) and the group in which the lab's own groups are made."""

    mount: Path
    controllers: tuple[str, ...]
    parent: Path
    version: int


def hierarchies() -> list[Hierarchy]:
    """All hierarchies of this machine, as this process sees them."""
    own: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        own[controllers] = path
    found = []
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, kind, options = line.split()[:4]
        if kind == "cgroup":
            matching = [names for names in own if names and set(names.split(",")) <= set(options.split(","))]
            if matching:
                # Below our own group, so that a limit of whoever started us holds for the lab as well.
                parent = Path(mount) / own[matching[0]].lstrip("/")
                found.append(Hierarchy(Path(mount), tuple(matching[0].split(",")), parent, 1))
        elif kind == "cgroup2":
            # At the root: a group that holds processes (ours does) cannot hand controllers to groups below it.
            found.append(Hierarchy(Path(mount), (), Path(mount), 2))
    return found


def unified() -> bool:
    """Whether this machine has version 2 groups with controllers."""
    return (ROOT / "cgroup.controllers").exists()


def prepare(scope: str, node: str, size: Size) -> list[Path]:
    """Make the groups of ``node`` with its limits. A process joins by writing its id to ``cgroup.procs`` of each."""
    groups = []
    for hierarchy in hierarchies():
        top = _existing(hierarchy.mount, scope) or hierarchy.parent / scope
        group = top / node
        for directory in (top, group):
            directory.mkdir(exist_ok=True)
            if "cpuset" in hierarchy.controllers:
                for setting in ("cpuset.cpus", "cpuset.mems"):
                    _write(directory / setting, (directory.parent / setting).read_text(encoding="ascii").strip())
        if hierarchy.version == 2:
            _enable_controllers(hierarchy.mount, top)
        _limit(group, hierarchy, size)
        groups.append(group)
    return groups


def _limit(group: Path, hierarchy: Hierarchy, size: Size) -> None:
    if "memory" in hierarchy.controllers:
        _write(group / "memory.limit_in_bytes", str(size.memory))
    if "cpu" in hierarchy.controllers:
        _write(group / "cpu.cfs_period_us", str(CPU_PERIOD))
        _write(group / "cpu.cfs_quota_us", str(size.cpus * CPU_PERIOD))
    if hierarchy.version == 2 and unified():
        _write(group / "memory.max", str(size.memory))
        _write(group / "cpu.max", f"{size.cpus * CPU_PERIOD} {CPU_PERIOD}")


def _enable_controllers(root: Path, top: Path) -> None:
    for directory in (root, top):
        available = (directory / "cgroup.controllers").read_text(encoding="ascii").split()
        for controller in CONTROLLERS:
            if controller in available:
                _write(directory / "cgroup.subtree_control", f"+{controller}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise LabError(
            f"The control group setting {path} could not be set to {text}: {error.strerror}.",
            cure="The lab needs root on a machine whose cgroup controllers it may use.",
        ) from error


def _existing(mount: Path, scope: str) -> Path | None:
    return next(_walk(mount, scope), None)


def _walk(directory: Path, scope: str, depth: int = 6) -> Iterator[Path]:
    try:
        children = [Path(entry.path) for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for child in children:
        if child.name == scope:
            yield child
        elif depth and not child.name.startswith("saltern-"):
            yield from _walk(child, scope, depth - 1)


def groups(scope: str, node: str = "") -> list[Path]:
    """Every group of the lab ``scope`` on this machine, or of one node of it, whoever made it and wherever."""
    tops = [top for hierarchy in hierarchies() for top in _walk(hierarchy.mount, scope)]
    if not node:
        return tops
    return [top / node for top in tops if (top / node).is_dir()]


def processes(scope: str, node: str = "") -> set[int]:
    """The ids of all processes in the groups of a lab or of one of its nodes."""
    found: set[int] = set()
    for top in groups(scope, node):
        for directory, _, _ in os.walk(top):
            try:
                text = (Path(directory) / "cgroup.procs").read_text(encoding="ascii")
            except OSError:
                continue  # removed meanwhile
            found.update(int(line) for line in text.split())
    return found - {0, os.getpid()}


def belongs(process: int, scope: str, node: str = "") -> bool:
    """Whether a process is in the groups of this lab or node: a number alone may have been given to another one."""
    try:
        text = Path(f"/proc/{process}/cgroup").read_text(encoding="ascii")
    except OSError:
        return False
    group = f"/{scope}/{node}/" if node else f"/{scope}/"
    return any(group in f"{line}/" for line in text.replace(" (deleted)", "").splitlines())


def kill(scope: str, node: str = "", patience: float = 20) -> None:
    """Kill every process of a lab or a node and wait until none is left."""

    seen: set[int] = set()

    def gone() -> bool:
        remaining = processes(scope, node)
        seen.update(remaining)
        for process in remaining:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        # a process that is still ending is no longer listed in its group
        return not remaining and not any(belongs(process, scope, node) for process in seen)

    wait.until(gone, f"the processes of {node or scope} have ended", patience)


def remove(scope: str, node: str = "", patience: float = 10) -> None:
    """Remove the empty groups of a lab or a node."""

    def gone() -> bool:
        for top in groups(scope, node):
            for directory, _, _ in os.walk(top, topdown=False):
                try:
                    Path(directory).rmdir()
                except OSError:
                    continue  # still busy: tried again
        return not groups(scope, node)

    wait.until(gone, f"the control groups of {node or scope} are empty", patience)


def memory_used(scope: str, node: str) -> int:
    """Bytes of memory that a node uses, without cached files, which the kernel takes back; 0 where nothing is known."""
    for group in groups(scope, node):
        for usage, cached in (
            ("memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
            ("memory.current", ("inactive_file", "active_file")),
        ):
            if not (group / usage).exists():
                continue
            lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
            statistics = dict(line.split()[:2] for line in lines)
            return int((group / usage).read_text(encoding="ascii")) - sum(int(statistics.get(key, 0)) for key in cached)
    return 0
