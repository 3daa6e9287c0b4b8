"""Made-up clusters for the render tests: every role, zone, node class, seal and address family, by the real pillar."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from itertools import product
from typing import Any

from saltern.entitlements import SECRETS
from saltern.model import Custody, Definition, Group, LifeCycle, Node, Size, Zone
from saltern.pillar import Sources, node_pillar
from support_pki import PROFILES

FAMILIES = {"dual": ("ipv4", "ipv6"), "ipv4": ("ipv4",), "ipv6": ("ipv6",)}
SHA256 = "0" * 64
PEM = "-----BEGIN CERTIFICATE-----\nbWFkZSB1cA==\n-----END CERTIFICATE-----\n"
SECRET = "made-up-secret-of-"

_ZONES = {
    "core": Zone("core", "core", (ip_network("192.0.2.0/25"), ip_network("2001:db8:0:1::/64"))),
    "user": Zone("user", "user", (ip_network("192.0.2.128/25"), ip_network("2001:db8:0:2::/64"))),
}
_GROUPS = {
    "support": Group("support", ("support",), "core", "general", 1, "small", "base"),
    "server": Group("server", ("consul-server", "vault", "nomad-server"), "core", "general", 3, "small", "base"),
    "voter": Group("voter", ("consul-server",), "core", "general", 0, "small", "base"),
    "keeper": Group("keeper", ("vault",), "core", "general", 0, "small", "base"),
    "planner": Group("planner", ("nomad-server",), "core", "general", 0, "small", "base"),
    "general": Group("general", ("nomad-client",), "user", "general", 1, "small", "base"),
    "edge": Group("edge", ("nomad-client",), "user", "load-balancer", 1, "small", "base"),
    "disk": Group("disk", ("nomad-client",), "core", "storage", 1, "small", "base"),
}
GROUPS = tuple(_GROUPS)
_VERSIONS = {"consul": "1.21.0", "vault": "1.21.1", "nomad": "1.11.1"}


def definition(seal: str, family: str) -> Definition:
    """A valid definition with a group for every role alone, every node class and the usual combined server."""
    return Definition(
        name="example",
        datacenter="dc1",
        region="global",
        provider="lab",
        address_families=FAMILIES[family],
        seal=seal,
        latency_profile="lan" if seal == "transit" else "wan",
        custody=Custody(3, ("ada", "ben", "cleo", "dan", "eve")),
        versions=_VERSIONS,
        zones=_ZONES,
        sizes={"small": Size("small", 1, 1 << 30, 8 << 30)},
        groups=_GROUPS,
        leaf_lifetime=45 * 86400,
        tolerated_support_outage=15 * 86400,
        maximum_clock_skew=5,
    )


def nodes(family: str) -> list[Node]:
    """One joined node a group, with the addresses of ``family``."""
    return [
        Node(
            id=f"{group.name}-{number:06d}",
            group=group.name,
            role=group.role,
            zone=group.zone,
            node_class=group.node_class,
            ipv4=f"192.0.2.{number}" if "ipv4" in FAMILIES[family] else "",
            ipv6=f"2001:db8::{number:x}" if "ipv6" in FAMILIES[family] else "",
            state=LifeCycle.JOINED,
        )
        for number, group in enumerate(_GROUPS.values(), start=10)
    ]


def pillar(group: str, seal: str = "transit", family: str = "dual", *, reached: bool = True) -> dict[str, Any]:
    """What the real external pillar gives the node of ``group``; ``reached`` says whether all services are to run."""
    store = {
        name: {version: _record(name, version)}
        for name, version in {**_VERSIONS, "pause": "1.0.0", "canary": "1.0.0"}.items()
    }
    sources = Sources(
        secret=lambda name: SECRET + name.replace("/", "-"),
        reached=lambda point: reached,
        trust=dict.fromkeys(("consul", "nomad", "vault", "support"), PEM),
        store=store,
        profiles=PROFILES,
    )
    every = nodes(family)
    node = next(one for one in every if one.group == group)
    return node_pillar(node.id, definition(seal, family), every, sources)


def unproved(group: str) -> dict[str, Any]:
    """The pillar of a node whose Salt key nobody proved."""
    every = nodes("dual")
    node = next(one for one in every if one.group == group)
    changed = [replace(one, state=LifeCycle.CREATED) if one is node else one for one in every]
    sources = Sources(lambda name: "", lambda point: True, {}, {}, PROFILES)
    return node_pillar(node.id, definition("transit", "dual"), changed, sources)


def secrets() -> set[str]:
    """The beginning of every secret that a pillar of these clusters can hold."""
    return {SECRET + one.name for one in SECRETS}


def contexts() -> list[tuple[str, str, str, bool]]:
    """Group, seal, address family and whether services run: every group with every choice that can change a file."""
    return [
        *product(GROUPS, ("transit", "shamir"), ("dual",), (True,)),
        *product(GROUPS, ("transit",), ("ipv4", "ipv6"), (True,)),
        *product(GROUPS, ("transit",), ("dual",), (False,)),
    ]


def _record(name: str, version: str) -> dict[str, Any]:
    image = name in ("pause", "canary")
    record = {"version": version, "sha256": SHA256, "file": f"{name}.tar" if image else name, "kind": "binary"}
    return record | ({"kind": "image", "image": f"saltern/{name}:{version}", "image_id": "sha256:0"} if image else {})
