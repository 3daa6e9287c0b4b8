"""What steps of Consul, Vault and Nomad have in common: units that start, servers that elect, tokens that are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from saltern.bootstrap.cluster import Cluster
from saltern.clients.http import Quorum
from saltern.errors import ServiceError, StepFailed
from saltern.model import Node
from saltern.waiting import until


class AccessControl(Protocol):
    """The ACL system of Consul or Nomad, as a client with one token sees it."""

    def token_self(self) -> dict[str, Any] | None:
        """The token that the client presents, or ``None`` when the service does not know it."""

    def bootstrap_acl(self, secret_id: str) -> bool:
        """Make ``secret_id`` the first management token; whether that was done now."""


def start(cluster: Cluster, point: str, role: str, unit: str) -> None:
    """From now on the highstate keeps ``unit`` running on the nodes with ``role``; it is started there at once."""
    cluster.journal.reach(point)
    ids = [node.id for node in cluster.having(role)]
    cluster.minions.call(ids, "service.enable", unit)
    cluster.minions.call(ids, "service.start", unit, no_block=True)


def elected(servers: list[Node], client: Callable[[Node], Quorum]) -> bool:
    """Whether any of the servers knows a leader and as many peers as there are servers."""
    for node in servers:
        try:
            one = client(node)
            if one.leader() and len(one.peers()) >= len(servers):
                return True
        except ServiceError:
            continue  # another server may answer
    return False


def wait_for_all(missing: Callable[[], list[str]], problem: str, *, seconds: float, cure: str) -> None:
    """Return when no node is ``missing`` any more.

    :raises StepFailed: with ``problem``, naming the nodes that are.
    """
    try:
        until(lambda: not missing(), "the nodes", seconds=seconds)
    except StepFailed as error:
        raise StepFailed(problem, node=", ".join(missing()), cure=cure) from error


def knows_master(cluster: Cluster, service: str, client: Callable[[str], AccessControl]) -> bool:
    """Whether ``service`` (``consul``, ``nomad``) knows the master: by the bootstrap secret while that lives."""
    token = cluster.journal.secret(f"{service}_bootstrap") or cluster.journal.secret(f"{service}_status_token")
    return bool(token) and client(token or "").token_self() is not None


def bootstrap_access(cluster: Cluster, service: str, client: Callable[[str], AccessControl], runbook: str) -> None:
    """Give ``service`` the bootstrap secret that was chosen beforehand as its first management token."""
    title = service.capitalize()
    secret = cluster.journal.secret(f"{service}_bootstrap")
    if secret is None:
        raise StepFailed(
            f"{title} knows none of the master's tokens, and the bootstrap secret was revoked.",
            cure=f"restore a {title} snapshot, or reset {title}'s ACLs: {runbook}",
        )

    def accepted() -> bool:  # right after the election the service refuses for a moment
        return client(secret).token_self() is not None or client("").bootstrap_acl(secret)

    try:
        until(accepted, f"{title} to accept the bootstrap secret", seconds=30)
    except StepFailed as error:
        raise ServiceError(
            f"{title} was bootstrapped with another secret than the journal's.",
            cure=f"this {title} is not this cluster's, or its journal was lost: see {runbook}",
        ) from error
