"""What a node needs at least, by role. Preflight compares real nodes with the same table."""

from __future__ import annotations

from collections.abc import Iterable

GB, MIB = 10**9, 2**20

# Bytes of disk by role. A node with several roles needs the largest: the system itself is most of each.
DISK = {"support": 8 * GB, "consul-server": 8 * GB, "vault": 8 * GB, "nomad-server": 8 * GB, "nomad-client": 8 * GB}
# A node class that takes system jobs only needs no room for tenants' images and allocations.
SYSTEM_JOBS_DISK = 4 * GB
SYSTEM_JOBS_CLASSES = ("load-balancer",)
# Bytes of memory: the system, salt-minion and the Consul client of every node, then what each role adds to it.
# Source: resident sizes measured on idle nodes just after a bootstrap.
BASE_MEMORY = 256 * MIB
MEMORY = {
    "support": 512 * MIB,
    "consul-server": 96 * MIB,
    "vault": 128 * MIB,
    "nomad-server": 96 * MIB,
    "nomad-client": 192 * MIB,
}


def disk(role: Iterable[str], node_class: str) -> int:
    """Bytes of disk that a node with these roles needs."""
    roles = set(role)
    if roles == {"nomad-client"} and node_class in SYSTEM_JOBS_CLASSES:
        return SYSTEM_JOBS_DISK
    return max((DISK[name] for name in roles), default=0)


def memory(role: Iterable[str]) -> int:
    """Bytes of memory that a node with these roles needs."""
    return BASE_MEMORY + sum(MEMORY[name] for name in set(role))


def bytes_text(amount: int) -> str:
    """Bytes as a person writes them in the definition."""
    for unit, factor in (("GB", GB), ("GiB", 2**30), ("MiB", MIB), ("MB", 10**6)):
        if amount >= factor and amount % factor == 0:
            return f"{amount // factor}{unit}"
    return f"{amount / GB:.1f}GB" if amount >= GB else f"{amount // MIB}MiB"
