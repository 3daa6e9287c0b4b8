"""Which node gets which secret, and which of its services may run: the only place that says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saltern.model import ROLES, LifeCycle, Node

Lookup = Callable[[str], str | None]


@dataclass(frozen=True)
class SecretEntitlement:
    """Nodes with one of ``roles`` get the secret ``name``; each its own where ``per_node``.

    :param seals: the cluster's kinds of seal with which the secret exists.
    """

    name: str
    roles: tuple[str, ...]
    per_node: bool = False
    seals: tuple[str, ...] = ("transit", "shamir")

    def journal_name(self, node: Node) -> str:
        """Under which name the journal keeps it."""
        return f"{self.name}/{node.id}" if self.per_node else self.name


SECRETS = (
    SecretEntitlement("consul_gossip", ROLES),
    SecretEntitlement("consul_agent_token", ROLES, per_node=True),
    SecretEntitlement("consul_dns_token", ROLES),
    SecretEntitlement("vault_storage_token", ("vault",)),
    SecretEntitlement("vault_seal_token", ("vault",), seals=("transit",)),
    SecretEntitlement("nomad_gossip", ("nomad-server",)),
    SecretEntitlement("nomad_server_consul_token", ("nomad-server",)),
    SecretEntitlement("nomad_client_consul_token", ("nomad-client",)),
)

# Service -> role -> the point of the bootstrap from which the highstate keeps the service running on such a node.
SERVICES = {
    "consul": dict.fromkeys(ROLES, "consul"),
    "vault": {"support": "transit-vault", "vault": "vault"},
    "nomad": {"nomad-server": "nomad-server", "nomad-client": "nomad-client"},
}

# Only a node whose Salt key was proved is trusted with anything: an accepted key alone proves nothing.
PROVED = (LifeCycle.ACCEPTED, LifeCycle.JOINED, LifeCycle.DRAINING)


def secrets_of(node: Node, seal: str, secret: Lookup) -> dict[str, str]:
    """The secrets that ``node`` is entitled to and that exist by now."""
    entitled = [one for one in SECRETS if set(one.roles) & set(node.role) and seal in one.seals]
    found = {one.name: secret(one.journal_name(node)) for one in entitled}
    return {name: value for name, value in found.items() if value is not None}


def services_of(node: Node, reached: Callable[[str], bool]) -> dict[str, bool]:
    """For every service whether it is to run on ``node`` now."""
    return {
        service: any(reached(point) for role, point in points.items() if node.has(role))
        for service, points in SERVICES.items()
    }
