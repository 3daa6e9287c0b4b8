"""Rules about the zones' networks: they are apart, big enough, and of every declared address family."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import combinations
from typing import TypeAlias

from saltern.definition.draft import Draft
from saltern.errors import Problem

Network: TypeAlias = IPv4Network | IPv6Network
# Networks that software on every Nomad client takes for itself.
TAKEN = {ip_network("172.17.0.0/16"): "Docker's bridge", ip_network("172.26.64.0/20"): "Nomad's bridge"}


def family(network: Network) -> str:
    """``ipv4`` or ``ipv6``."""
    return f"ipv{network.version}"


def networks_are_apart(draft: Draft) -> Iterator[Problem]:
    """No network overlaps another, of this or of another zone, or one that the software takes."""
    every = [(name, network) for name, zone in draft.zones.items() for network in zone.get("networks", ())]
    for (first, one), (second, other) in combinations(every, 2):
        if one.version == other.version and one.overlaps(other):
            what = f"{other} overlaps {one} of zone {first}: an address must tell the zone"
            where = draft.zones[second].where("networks")
            yield Problem(what, where=where, cure="choose networks without common addresses.")
    for name, network in every:
        for taken, by in TAKEN.items():
            if network.version == taken.version and network.overlaps(taken):
                where = draft.zones[name].where("networks")
                yield Problem(f"{network} overlaps {taken}, {by}", where=where, cure="choose another network.")


def families_are_complete(draft: Draft) -> Iterator[Problem]:
    """Each zone has a network of each declared family, and of no other."""
    declared = draft.cluster.get("address_families")
    for zone in draft.zones.values():
        if declared is None or "networks" not in zone:
            continue
        present = {family(network) for network in zone["networks"]}
        for missing in sorted(set(declared) - present):
            what = f"the address family {missing} is missing: cluster.address_families declares it"
            yield Problem(what, where=zone.where("networks"), cure=f"add an {missing} network to the zone.")
        for extra in sorted(present - set(declared)):
            what = f"holds an {extra} network, but cluster.address_families does not declare {extra}"
            yield Problem(what, where=zone.where("networks"), cure="declare the family, or remove the network.")


def networks_are_big_enough(draft: Draft) -> Iterator[Problem]:
    """Each zone has an address for each node, and one for the replacement that joins before the old one goes."""
    if any("count" not in group or "zone" not in group for group in draft.groups.values()):
        return
    for name, zone in draft.zones.items():
        nodes = sum(group["count"] for group in draft.groups.values() if group["zone"] == name)
        if not nodes:
            continue
        for kind in ("ipv4", "ipv6"):
            sizes = [network.num_addresses for network in zone.get("networks", ()) if family(network) == kind]
            usable = sum(max(size - 3, 0) for size in sizes)  # network, gateway, broadcast
            if sizes and usable < nodes + 1:
                what = f"its {kind} networks have {usable} addresses for {nodes} nodes and a replacement"
                yield Problem(what, where=zone.where("networks"), cure="add a network or choose a bigger one.")


NETWORK_RULES = (networks_are_apart, families_are_complete, networks_are_big_enough)
