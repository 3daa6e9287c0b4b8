"""From a node and its cluster to the firewalld configuration that the node is to have. Pure.

Rule of order, from firewalld: a packet belongs to the zone that names its source, else to the zone that names its
interface, else to the default zone. So the cluster's networks meet ``saltern`` and everybody else ``saltern-drop``.
IPv6 neighbour discovery is accepted ahead of all zones by firewalld's own policy ``allow-host-ipv6``.
"""

from __future__ import annotations

from typing import Any

from saltern.firewall.ports import Audience, services_of
from saltern.model import Definition, Node

OWNED = "saltern"  # every zone and policy of ours is called so or begins so; firewalld allows 17 characters
DEFAULT_ZONE = "saltern-drop"
CLUSTER_ZONE = "saltern"
JOBS_ZONE = "saltern-jobs"
JOBS_POLICY = "saltern-jobs-out"
NOMAD_BRIDGE = "nomad"  # the interface that Nomad makes for jobs with `network { mode = "bridge" }`


def desired(node: Node, definition: Definition) -> dict[str, Any]:
    """The firewalld configuration of ``node``, as plain data for the pillar and ``zone_firewall.managed``.

    :returns: ``default_zone``, ``zones`` and ``policies`` by name; ports as firewalld writes them, networks as CIDR.
    """
    services = services_of(node.role, node.node_class, definition.seal)
    everywhere = _ports(service.ports for service in services if service.audience is Audience.ANYWHERE)
    inside = _ports(service.ports for service in services)
    networks = [str(network) for zone in definition.zones.values() for network in zone.networks]
    zones = {
        DEFAULT_ZONE: _zone("DROP", "strangers: nothing but what is declared for anywhere", ports=everywhere),
        CLUSTER_ZONE: _zone("default", "the cluster's networks: this node's declared ports", networks, inside),
    }
    policies = {}
    if node.has("nomad-client"):
        zones[JOBS_ZONE] = {
            **_zone("default", "jobs in bridge networks: like the cluster's networks", ports=inside),
            "interfaces": [NOMAD_BRIDGE],
        }
        policies[JOBS_POLICY] = {
            "target": "ACCEPT",
            "description": "jobs in bridge networks may go out",
            "ingress": [JOBS_ZONE],
            "egress": ["ANY"],
        }
    return {"default_zone": DEFAULT_ZONE, "zones": zones, "policies": policies}


def _ports(groups: Any) -> list[str]:
    return sorted(
        {port for ports in groups for port in ports}, key=lambda port: (int(port.split("/")[0].split("-")[0]), port)
    )


def _zone(
    target: str, description: str, sources: list[str] | None = None, ports: list[str] | None = None
) -> dict[str, Any]:
    return {
        "target": target,
        "description": description,
        "sources": sorted(sources or []),
        "interfaces": [],
        "ports": ports or [],
    }
