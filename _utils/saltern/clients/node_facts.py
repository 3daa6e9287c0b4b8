"""Gathers on a node what preflight wants to know, in well under a second, and changes nothing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saltern.clients import firewalld as firewalld_daemon
from saltern.clients import proc_net
from saltern.preflight.facts import PROGRAMS

_CGROUP = Path("/sys/fs/cgroup")
_LIMIT_FILES = ("memory/memory.limit_in_bytes", "memory.max")  # version 1 and 2
_COMMAND_SECONDS = 5


def gather(salt_version: str, addresses: list[str]) -> dict[str, Any]:
    """This node's facts as plain data, in the shape that ``saltern.preflight.facts.from_data`` reads.

    :param salt_version: of the minion that asks.
    :param addresses: the node's own addresses, without loopback and link-local ones.
    """
    usage = shutil.disk_usage("/")
    return {
        "time": time.time(),
        "python": list(sys.version_info[:3]),
        "salt": salt_version,
        "memory": memory(),
        "disk": {"total": usage.total, "free": usage.free},
        "addresses": addresses,
        "listening": [asdict(one) for one in proc_net.listeners()],
        "firewalld": firewalld(),
        "controllers": controllers(),
        "bridge_module": has_bridge_module(),
        "programs": [file for file in PROGRAMS if Path(file).exists()],
    }


def memory(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = _CGROUP) -> int:
    """Bytes of memory that this machine may use: a container is told its host's total and limited besides."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", meminfo.read_text(encoding="ascii"), re.MULTILINE)
    amounts = [int(match[1]) * 1024] if match else []
    for name in _LIMIT_FILES:
        limit = _text(cgroup / name)
        if limit.isdigit() and int(limit):
            amounts.append(int(limit))
    return min(amounts, default=0)


def controllers(cgroup: Path = _CGROUP) -> list[str]:
    """The control group controllers that can be used here, in either version."""
    unified = _text(cgroup / "cgroup.controllers").split()
    if unified:
        return sorted(unified)
    # Version 1: a hierarchy is of use only where groups can be made in it; `cpu` may be mounted with `cpuacct`.
    usable = [folder.name.split(",") for folder in cgroup.glob("*") if os.access(folder / "cgroup.procs", os.W_OK)]
    return sorted({name for names in usable for name in names if "=" not in name and name != "systemd"})


def has_bridge_module(release: str = "", modules: Path = Path("/lib/modules")) -> bool:
    """Whether Nomad will find the kernel's bridge module; it looks in the same places."""
    folder = modules / (release or platform.release())
    files = (folder / "modules.builtin", folder / "modules.dep")
    loaded = re.search(r"^bridge\s", _text(Path("/proc/modules")), re.MULTILINE)
    return bool(loaded) or any("/bridge.ko" in _text(file) for file in files)


def firewalld() -> str:
    """``running``, else in one word what firewalld is. An active unit may hide a daemon that failed: it is asked."""
    unit = _output(["systemctl", "is-active", "firewalld"])
    if unit != "active":
        return unit or "unknown"
    return firewalld_daemon.state().lower() or "silent"


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
