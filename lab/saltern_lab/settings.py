"""One lab: its name, and where its parts lie on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from saltern import paths
from saltern.names import SUPPORT as SUPPORT_ID
from saltern_lab import names

ROOT = Path("/var/lib/saltern-lab")
NETWORKS = {4: ip_network("10.99.0.0/24"), 6: ip_network("fd5a:99::/64")}
GATEWAYS: dict[int, IPv4Address | IPv6Address] = {4: ip_address("10.99.0.1"), 6: ip_address("fd5a:99::1")}
SUPPORT = SUPPORT_ID
SUPPORT_ADDRESSES = {4: ip_address("10.99.0.10"), 6: ip_address("fd5a:99::10")}
BRIDGE = "br0"
SOCKET_IN_SUPPORT = Path(paths.LAB_SOCKET).parent
REPOSITORY = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """What outlives labs: base images, wheels, artifacts. ``SALTERN_CACHE`` chooses another place."""
    return Path(os.environ.get("SALTERN_CACHE") or paths.CACHE)


@dataclass(frozen=True)
class Lab:
    """The names and paths of one lab."""

    name: str

    @classmethod
    def from_environment(cls) -> Lab:
        """The lab that ``SALTERN_LAB`` names; ``default`` without it."""
        return cls(names.lab(os.environ.get("SALTERN_LAB", "default")))

    @property
    def scope(self) -> str:
        """The name that its network namespace and its cgroups carry on this machine."""
        return f"saltern-{self.name}"

    @property
    def directory(self) -> Path:
        """Everything of this lab on disk."""
        return ROOT / self.name

    @property
    def nodes(self) -> Path:
        """One directory a node."""
        return self.directory / "nodes"

    @property
    def socket(self) -> Path:
        """Where the daemon listens; only this directory is shown to the support node."""
        return self.directory / "socket" / Path(paths.LAB_SOCKET).name

    @property
    def daemon_lock(self) -> Path:
        """Locked by the daemon for as long as it lives; holds its process id."""
        return self.directory / "daemon.lock"

    @property
    def daemon_log(self) -> Path:
        """What the daemon prints."""
        return self.directory / "daemon.log"

    @property
    def operators(self) -> Path:
        """The GnuPG homes of the lab's operators, one directory each."""
        return self.directory / "operators"

    @property
    def image(self) -> Path:
        """The base image that new nodes of this lab stand on, written down when the lab was opened."""
        return Path((self.directory / "base").read_text(encoding="utf-8"))

    @property
    def kernel_modules(self) -> Path:
        """What nodes see as /lib/modules/<release>."""
        return self.directory / "modules"

    @property
    def network_namespace(self) -> Path:
        """The file that holds the lab's network namespace open."""
        return Path("/run/netns") / self.scope
