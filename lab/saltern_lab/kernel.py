"""The kernel limits that all labs share: raised by the first lab, put back by the last one."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from saltern_lab.settings import ROOT

# Every node runs a systemd, a salt-minion and a container engine of its own; the kernel counts them all as one root.
WANTED = {
    "fs/inotify/max_user_instances": 2048,
    "fs/inotify/max_user_watches": 524288,
    "kernel/keys/maxkeys": 4000,  # a session key ring per unit, counted by user id over all nodes
    "kernel/keys/maxbytes": 400000,
}
PROC = Path("/proc/sys")


class _Record(TypedDict):
    """The values before the first lab, and the labs that need the raised ones."""

    before: dict[str, int]
    labs: list[str]


@contextmanager
def _record(root: Path) -> Iterator[_Record]:
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (root / "limits.json").open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        record: _Record = json.loads(text) if text else {"before": {}, "labs": []}
        yield record
        file.seek(0)
        file.truncate()
        json.dump(record, file)


def raise_limits(lab: str, *, root: Path = ROOT, proc: Path = PROC, wanted: dict[str, int] | None = None) -> list[str]:
    """Raise what is too low for several nodes. Returns what was changed, as lines to print."""
    changed = []
    with _record(root) as record:
        before, labs = record["before"], record["labs"]
        for setting, value in (WANTED if wanted is None else wanted).items():
            current = int((proc / setting).read_text(encoding="ascii"))
            if current < value:
                before.setdefault(setting, current)
                (proc / setting).write_text(f"{value}\n", encoding="ascii")
                changed.append(f"{setting.replace('/', '.')}: {current} -> {value}")
        if lab not in labs:
            labs.append(lab)
    return changed


def restore_limits(
    lab: str, *, root: Path = ROOT, proc: Path = PROC, wanted: dict[str, int] | None = None
) -> list[str]:
    """Put the limits back when ``lab`` was the last one. Returns what was changed, as lines to print."""
    changed = []
    wanted = WANTED if wanted is None else wanted
    if not (root / "limits.json").exists():
        return []
    with _record(root) as record:
        before, labs = record["before"], record["labs"]
        if lab in labs:
            labs.remove(lab)
        if labs:
            return []
        for setting, value in before.items():
            current = int((proc / setting).read_text(encoding="ascii"))
            if current == wanted.get(setting):  # else somebody chose another value meanwhile: theirs
                (proc / setting).write_text(f"{value}\n", encoding="ascii")
                changed.append(f"{setting.replace('/', '.')}: {current} -> {value}")
        before.clear()
    return changed
