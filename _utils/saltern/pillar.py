"""What one node is told: the external pillar as a pure function of definition, registry and journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from saltern import artifacts
from saltern.addresses import bracketed
from saltern.definition.rules import QUORUM_ROLES
from saltern.entitlements import PROVED, secrets_of, services_of
from saltern.firewall import rules
from saltern.firewall.ports import STORE_PORT
from saltern.model import Definition, Node
from saltern.pki.entitlements import certificates
from saltern.pki.profiles import Profile

DOMAIN = "consul"  # Consul's DNS domain


@dataclass(frozen=True)
class Sources:
    """Where the pillar's values come from besides the definition and the registry.

    :param secret: the secret of a name, or None while or when it does not exist.
    :param reached: whether the bootstrap has reached a point from which a service runs.
    :param trust: PEM certificates by root.
    :param profiles: what certificates are for.
    :param store: what the artifact store holds, as ``saltern.artifacts.store_index`` gives it.
    """

    secret: Callable[[str], str | None]
    reached: Callable[[str], bool]
    trust: Mapping[str, str]
    store: Mapping[str, Mapping[str, Mapping[str, Any]]]
    profiles: Mapping[str, Profile]


def unknown(state: str = "") -> dict[str, Any]:
    """All that a minion gets which is not a proved node; ``state`` says how far a registered one got."""
    return {"saltern": {"unknown": True, **({"state": state} if state else {})}}


def node_pillar(node_id: str, definition: Definition, nodes: Iterable[Node], sources: Sources) -> dict[str, Any]:
    """The pillar of the minion ``node_id``.

    :param nodes: every node of the registry.
    :returns: ``{"saltern": …}``; for an id that the registry does not know, or whose key was not proved, only that.
    """
    nodes = sorted(nodes, key=lambda node: node.id)
    node = next((one for one in nodes if one.id == node_id), None)
    if node is None:
        return unknown()
    if node.state not in PROVED:
        return unknown(node.state.value)
    placed = [one for one in nodes if one.addresses]
    support = next((one for one in placed if one.has("support")), None)
    return {
        "saltern": {
            "cluster": _cluster(definition),
            "node": _description(node) | {"group": node.group, "addresses": list(node.addresses)},
            "nodes": [_description(one) for one in placed],
            "consul_servers": _addresses(placed, "consul-server"),
            "vault_servers": _addresses(placed, "vault"),
            "nomad_servers": _addresses(placed, "nomad-server"),
            "support": _support(support),
            "trust": dict(sources.trust),
            "certificates": [one.as_pillar() for one in certificates(node, definition, sources.profiles)],
            "firewall": rules.desired(node, definition),
            "artifacts": artifacts.for_node(node.role, definition.versions, sources.store, store_url(support)),
            "secrets": secrets_of(node, definition.seal, sources.secret),
            "services": services_of(node, sources.reached),
        }
    }


def store_url(support: Node | None) -> str:
    """Where the support server serves artifacts; empty while it has no address."""
    return f"https://{bracketed(support.address)}:{STORE_PORT}" if support else ""


def _cluster(definition: Definition) -> dict[str, Any]:
    networks = [network for zone in definition.zones.values() for network in zone.networks]
    counts = {role: sum(group.count for group in definition.groups_with(role)) for role in QUORUM_ROLES}
    return {
        "name": definition.name,
        "datacenter": definition.datacenter,
        "region": definition.region,
        "seal": definition.seal,
        "latency_profile": definition.latency_profile,
        "networks": {
            "ipv4": [str(network) for network in networks if network.version == 4],
            "ipv6": [str(network) for network in networks if network.version == 6],
        },
        "domain": DOMAIN,
        "server_count": counts["consul-server"],
        "server_counts": counts,
    }


def _description(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "role": list(node.role),
        "zone": node.zone,
        "node_class": node.node_class,
        "ipv4": node.ipv4,
        "ipv6": node.ipv6,
        "address": node.address,
    }


def _support(node: Node | None) -> dict[str, str]:
    if node is None:
        return {}
    return {"id": node.id, "address": node.address, "ipv4": node.ipv4, "ipv6": node.ipv6}


def _addresses(nodes: Iterable[Node], role: str) -> list[str]:
    return [node.address for node in nodes if node.has(role)]
