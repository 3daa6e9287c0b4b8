"""A lab as a whole: opening it (network, limits, daemon, nodes that exist) and closing it so that nothing is left."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from saltern_lab import cgroups, client, daemon, disk, kernel, network, operators
from saltern_lab.cloud import Cloud
from saltern_lab.node import LabNode
from saltern_lab.progress import Progress
from saltern_lab.settings import ROOT, Lab

BRIDGE_MODULE = "kernel/net/bridge/bridge.ko"


def open_lab(lab: Lab, image: Path, progress: Progress) -> None:
    """Bring up everything but new nodes. On a running lab this changes nothing."""
    ROOT.mkdir(parents=True, exist_ok=True, mode=0o700)
    lab.nodes.mkdir(parents=True, exist_ok=True, mode=0o700)
    (lab.directory / "base").write_text(str(image), encoding="utf-8")
    for line in kernel.raise_limits(lab.name):
        progress.say(f"kernel limit {line} (lab/down puts it back)")
    _kernel_modules(lab)
    network.up(lab)
    daemon.start(lab)
    stopped = [shown["name"] for shown in client.call(lab.socket, "list") if shown["state"] != "running"]
    if stopped:
        with progress.step(f"starting {', '.join(stopped)}", 3 * len(stopped)):
            for name in stopped:
                client.call(lab.socket, "start", name=name)


def _kernel_modules(lab: Lab) -> None:
    """What nodes see of kernel modules: Nomad's bridge networks look here for the name of the bridge module."""
    own = Path(f"/lib/modules/{_release()}/modules.builtin")
    lines = own.read_text(encoding="ascii").splitlines() if own.is_file() else []
    lab.kernel_modules.mkdir(mode=0o755, exist_ok=True)
    lab.kernel_modules.chmod(0o755)
    text = "".join(f"{line}\n" for line in dict.fromkeys([*lines, BRIDGE_MODULE]))
    file = lab.kernel_modules / "modules.builtin"
    if not file.exists() or file.read_text(encoding="ascii") != text:
        file.write_text(text, encoding="ascii")
        file.chmod(0o644)


def _release() -> str:
    return Path("/proc/sys/kernel/osrelease").read_text(encoding="ascii").strip()


def close_lab(lab: Lab, progress: Progress, *, keep: bool) -> None:
    """End the lab. Needs no daemon and no record: what belongs to the lab is found by its control groups.

    :param keep: shut nodes down in order and keep their disks, so that the next ``lab/up`` boots them again.
    """
    daemon.stop(lab)
    if keep:
        _stop_nodes(lab, progress)
    with progress.step("ending processes, network and mounts", 3):
        cgroups.kill(lab.scope)
        cgroups.remove(lab.scope)
        network.down(lab)
        disk.wait_until_free(lab.directory)
        lab.socket.unlink(missing_ok=True)
        operators.end_agents(lab)
    for line in kernel.restore_limits(lab.name):
        progress.say(f"kernel limit {line}")
    if not keep and lab.directory.exists():
        with progress.step("removing disks", 2):
            shutil.rmtree(lab.directory)
    _remove_root()


def _stop_nodes(lab: Lab, progress: Progress) -> None:
    running = [node for node in Cloud(lab).nodes() if node.leader()]
    if not running:
        return
    with progress.step(f"shutting down {len(running)} nodes", 15), ThreadPoolExecutor(len(running)) as pool:
        list(pool.map(LabNode.stop, running))


def _remove_root() -> None:
    """Remove the common directory after the last lab."""
    if ROOT.is_dir() and {path.name for path in ROOT.iterdir()} <= {"limits.json"}:
        (ROOT / "limits.json").unlink(missing_ok=True)
        ROOT.rmdir()


def nodes(lab: Lab) -> list[dict[str, Any]]:
    """The nodes of a lab as the daemon shows them; also when it does not run."""
    return [node.show() for node in Cloud(lab).nodes()]


def table(shown: list[dict[str, Any]]) -> str:
    """Nodes for people, one a line."""
    rows = [("NODE", "STATE", "IPV4", "IPV6", "MEMORY", "DISK", "UPTIME")]
    for node in shown:
        up = node["state"] == "running"
        rows.append(
            (
                node["name"],
                node["state"],
                node["ipv4"] or "-",
                node["ipv6"] or "-",
                f"{node['memory_used'] >> 20}/{node['size']['memory'] >> 20} MiB" if up else "-",
                f"{node['disk_used'] >> 20}/{node['size']['disk'] >> 20} MiB",
                _duration(node["uptime"]) if up else "-",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
