"""What a node told about itself before the bootstrap: a hint, which decides what is reported and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Listener:
    """A socket on which a process of the node waits. ``process`` is its program's file, or empty if unknown."""

    protocol: str  # tcp | udp
    address: str
    port: int
    process: str


@dataclass(frozen=True)
class Facts:
    """One node's facts. Memory and disk in bytes, ``time`` in Unix time.

    :param firewalld: ``running``, or in one word what it is instead.
    :param controllers: the control group controllers that the node can use.
    :param programs: which of ``PROGRAMS`` are there.
    """

    time: float
    python: tuple[int, ...]
    salt: str
    memory: int
    disk_total: int
    disk_free: int
    addresses: tuple[str, ...]
    listening: tuple[Listener, ...]
    firewalld: str
    controllers: tuple[str, ...]
    bridge_module: bool
    programs: tuple[str, ...]


# Programs and files that a role needs from the node's image, with the Debian package that brings each.
PROGRAMS = {
    "/usr/sbin/firewalld": "firewalld",
    "/etc/protocols": "netbase",  # without it firewalld dies quietly
    "/usr/sbin/dockerd": "docker.io",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/sbin/nginx": "nginx-light",
}


def from_data(data: Any) -> Facts:
    """The facts that ``preflight.facts`` returned on a node.

    :raises ValueError: when the answer has not that shape, whatever else it is.
    """
    try:
        listening = tuple(
            Listener(str(one["protocol"]), str(one["address"]), int(one["port"]), str(one["process"]))
            for one in data["listening"]
        )
        return Facts(
            time=float(data["time"]),
            python=tuple(int(part) for part in data["python"]),
            salt=str(data["salt"]),
            memory=int(data["memory"]),
            disk_total=int(data["disk"]["total"]),
            disk_free=int(data["disk"]["free"]),
            addresses=tuple(str(one) for one in data["addresses"]),
            listening=listening,
            firewalld=str(data["firewalld"]),
            controllers=tuple(str(one) for one in data["controllers"]),
            bridge_module=bool(data["bridge_module"]),
            programs=tuple(str(one) for one in data["programs"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"no facts: {error!r}") from error
