"""The declared port table: services with their ports, and who offers them. ``docs/reference/ports.md`` prints it.

Port numbers: the defaults of Consul, Vault, Nomad and Salt, except Consul's HTTPS (8501) and gRPC with TLS (8503),
which Consul leaves closed by default, and the artifact store (8443), which is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

STORE_PORT = 8443  # the artifact store; salt/nginx listens on it
CA_PORT = 8888  # cfssl's protocol for clients outside Salt; cfssl's own default


class Audience(str, Enum):
    """From where a service may be reached."""

    CLUSTER = "cluster"  # the networks of the cluster's zones
    ANYWHERE = "anywhere"


@dataclass(frozen=True)
class Service:
    """A named list of ports. A port is ``<number or first-last>/<protocol>``, as firewalld writes it."""

    name: str
    ports: tuple[str, ...]
    purpose: str
    audience: Audience = Audience.CLUSTER


def _both(port: str) -> tuple[str, str]:
    return f"{port}/tcp", f"{port}/udp"


SERVICES = {
    service.name: service
    for service in (
        Service("consul-rpc", ("8300/tcp",), "Consul agents to servers; mutual TLS"),
        Service("consul-serf-lan", _both("8301"), "membership gossip of all agents; gossip key"),
        Service("consul-serf-wan", _both("8302"), "membership gossip of servers; gossip key"),
        Service("consul-https", ("8501/tcp",), "Consul's API; TLS and ACL"),
        Service("consul-grpc-tls", ("8503/tcp",), "Consul's gRPC; TLS and ACL"),
        Service("vault", ("8200/tcp",), "Vault's API; TLS"),
        Service("vault-cluster", ("8201/tcp",), "Vault standbys to the active node; Vault's own mutual TLS"),
        Service("nomad-http", ("4646/tcp",), "Nomad's API and JWKS; TLS and ACL"),
        Service("nomad-rpc", ("4647/tcp",), "Nomad agents to servers; mutual TLS"),
        Service("nomad-serf", _both("4648"), "membership gossip of Nomad servers; gossip key"),
        Service("nomad-dynamic-ports", _both("20000-32000"), "what jobs publish"),
        Service("salt", ("4505-4506/tcp",), "minions to the Salt master"),
        Service("artifact-store", (f"{STORE_PORT}/tcp",), "nodes fetch artifacts; TLS"),
        Service("ca", (f"{CA_PORT}/tcp",), "certificates for clients outside Salt; TLS and auth keys"),
        Service("ssh", ("22/tcp",), "operators; the support server is the bastion", Audience.ANYWHERE),
        Service("ingress", ("80/tcp", "443/tcp"), "the applications' users", Audience.ANYWHERE),
    )
}

OF_EVERY_NODE = ("consul-serf-lan", "consul-https")
OF_ROLE = {
    "support": ("salt", "artifact-store", "ca", "ssh"),
    "consul-server": ("consul-rpc", "consul-serf-wan", "consul-grpc-tls"),
    "vault": ("vault", "vault-cluster"),
    "nomad-server": ("nomad-http", "nomad-rpc", "nomad-serf"),
    "nomad-client": ("nomad-http", "nomad-dynamic-ports"),
}
OF_SEAL = {"transit": ("vault",), "shamir": ()}  # what the support server offers besides: the transit Vault
OF_NODE_CLASS = {"general": (), "load-balancer": ("ingress",), "storage": ()}


def services_of(role: Iterable[str], node_class: str, seal: str) -> tuple[Service, ...]:
    """The services that a node offers, in the order of the table.

    :param role: the node's roles.
    :param node_class: the node's class.
    :param seal: the cluster's seal, ``transit`` or ``shamir``.
    """
    roles = tuple(role)
    names = {*OF_EVERY_NODE, *OF_NODE_CLASS[node_class], *(name for each in roles for name in OF_ROLE[each])}
    if "support" in roles:
        names.update(OF_SEAL[seal])
    return tuple(service for service in SERVICES.values() if service.name in names)
