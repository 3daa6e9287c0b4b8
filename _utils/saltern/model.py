"""What a cluster is: the validated definition and the nodes of the registry, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network

ROLES = ("support", "consul-server", "vault", "nomad-server", "nomad-client")
NODE_CLASSES = ("general", "load-balancer", "storage")
PLACEMENTS = ("spread", "stack", "pack-by-flavor", "affinity", "anti-affinity")
ROOTS = ("consul", "nomad", "vault", "support")  # trust domains that certificates come from; declared in pillar/pki/


class LifeCycle(str, Enum):
    """Where a node stands; only ``JOINED`` nodes take part in the cluster's desired membership."""

    PLANNED = "planned"  # in the registry, not in the cloud
    CREATED = "created"  # the cloud has it, its Salt key is not accepted
    ACCEPTED = "accepted"  # its key was proved and accepted
    JOINED = "joined"  # bootstrapped and proved
    DRAINING = "draining"


@dataclass(frozen=True)
class Size:
    """What a node may use. Memory and disk in bytes."""

    name: str
    cpus: int
    memory: int
    disk: int


@dataclass(frozen=True)
class Zone:
    """A zone of the platform: ``core``, ``system`` or ``user``, with the networks its nodes get addresses from."""

    name: str
    kind: str
    networks: tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True)
class Group:
    """Nodes of one kind. ``count`` of them are wanted."""

    name: str
    role: tuple[str, ...]
    zone: str
    node_class: str
    count: int
    size: str
    image: str
    placement: str = "spread"
    userdata: str = ""


@dataclass(frozen=True)
class Custody:
    """To whom one-shot secrets are sealed: ``threshold`` of the operators can open them."""

    threshold: int
    operators: tuple[str, ...]  # names; PGP public keys in operators/<name>.asc


@dataclass(frozen=True)
class Definition:
    """The whole cluster as declared, already validated. Durations are in seconds."""

    name: str
    datacenter: str
    region: str
    provider: str
    address_families: tuple[str, ...]  # of ipv4, ipv6
    seal: str  # transit | shamir
    latency_profile: str  # lan | wan
    custody: Custody
    versions: dict[str, str]  # artifact name -> version
    zones: dict[str, Zone]
    sizes: dict[str, Size]
    groups: dict[str, Group]
    leaf_lifetime: int
    tolerated_support_outage: int
    maximum_clock_skew: int
    operator_keys: dict[str, str] = field(default_factory=dict)  # operator -> ASCII-armoured public key

    def groups_with(self, role: str) -> tuple[Group, ...]:
        """The groups whose nodes carry ``role``."""
        return tuple(group for group in self.groups.values() if role in group.role)


@dataclass(frozen=True)
class Node:
    """A node as the registry knows it; what a minion is entitled to is decided by this, never by its grains."""

    id: str
    group: str
    role: tuple[str, ...]
    zone: str
    node_class: str
    ipv4: str = ""
    ipv6: str = ""
    keepers: str = ""  # digest of datacenter, image, size and userdata
    state: LifeCycle = LifeCycle.PLANNED

    @property
    def addresses(self) -> tuple[str, ...]:
        """The node's own addresses, IPv4 first."""
        return tuple(address for address in (self.ipv4, self.ipv6) if address)

    @property
    def address(self) -> str:
        """The address that the others use: IPv4 where there is one."""
        return self.addresses[0] if self.addresses else ""

    def has(self, role: str) -> bool:
        """Whether the node carries ``role``."""
        return role in self.role
