"""The lab's network: a namespace of its own with one bridge in it. The host's interfaces stay as they are."""

from __future__ import annotations

from pathlib import Path

from saltern_lab import run
from saltern_lab.settings import BRIDGE, GATEWAYS, NETWORKS, Lab


def up(lab: Lab) -> None:
    """Make the namespace and its bridge, or leave them as they are."""
    if not _held_open(lab.network_namespace):
        # as `ip netns add` does, but that also makes /run/netns a mount of its own, which would stay
        lab.network_namespace.parent.mkdir(exist_ok=True)
        lab.network_namespace.touch(mode=0o444)
        run.command(["unshare", f"--net={lab.network_namespace}", "true"])
    _inside(lab, "ip", "link", "set", "lo", "up")
    if _inside(lab, "ip", "link", "show", BRIDGE, check=False):
        _inside(lab, "ip", "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0")
        for family, gateway in GATEWAYS.items():
            address = f"{gateway}/{NETWORKS[family].prefixlen}"
            flags = ["nodad"] if family == 6 else []
            _inside(lab, "ip", "address", "replace", address, "dev", BRIDGE, *flags)
        _inside(lab, "ip", "link", "set", BRIDGE, "up")
    # There is no way out; with forwarding a node is told so at once instead of waiting for an answer.
    _set(lab, "net/ipv4/ip_forward", "1")
    _set(lab, "net/ipv6/conf/all/forwarding", "1")
    for program in ("iptables", "ip6tables", "arptables"):  # frames between nodes pass no filter but the nodes' own
        _set(lab, f"net/bridge/bridge-nf-call-{program}", "0")


def down(lab: Lab) -> None:
    """Remove the namespace, and the bridge with it."""
    while _held_open(lab.network_namespace):
        run.command(["umount", "--lazy", lab.network_namespace])
    lab.network_namespace.unlink(missing_ok=True)
    try:
        lab.network_namespace.parent.rmdir()
    except OSError:
        return  # other namespaces live there


def _held_open(path: Path) -> bool:
    """Whether a namespace is mounted on this file (Path.is_mount knows only directories)."""
    return path.exists() and path.stat().st_dev != path.parent.stat().st_dev


def _inside(lab: Lab, *arguments: str, check: bool = True) -> int:
    # not `ip netns exec`: that mounts /sys anew and hides the control groups
    return run.command(["nsenter", f"--net={lab.network_namespace}", *arguments], check=check).returncode


def _set(lab: Lab, setting: str, value: str) -> None:
    if (Path("/proc/sys") / setting).exists() or not setting.startswith("net/bridge"):
        _inside(lab, "sh", "-c", f"echo {value} >/proc/sys/{setting}")
