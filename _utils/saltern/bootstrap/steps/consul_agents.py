"""Every node's agent has registered itself with its own token.

A node is root over its agent and sees every token that is presented to it. So the master never shows one of its own to
an agent, only a short-lived one that may change this one agent and nothing else.
"""

import uuid

from saltern.bootstrap import policies
from saltern.bootstrap.cluster import Cluster
from saltern.clients.consul import Consul
from saltern.errors import StepFailed
from saltern.model import Node
from saltern.waiting import until

TITLE = "Every node is in Consul's catalog"
NEEDS = ("consul-tokens",)


def _missing(cluster: Cluster) -> list[str]:
    synced = {
        node["Node"] for node in cluster.consul().nodes() if (node.get("Meta") or {}).get("consul-version")
    }  # the servers' own entries come without it until the agent itself has synchronised
    return [node.id for node in cluster.nodes if node.id not in synced]


def check(cluster: Cluster) -> bool:
    return not _missing(cluster)


def apply(cluster: Cluster) -> None:
    """Give each agent the token that it has already: that makes it synchronise now instead of in a minute."""
    client = cluster.consul()
    for node_id in _missing(cluster):
        token = cluster.journal.secret(f"consul_agent_token/{node_id}")
        if token is None:
            raise StepFailed("The journal has no agent token for it.", node=node_id, cure="restore the journal")
        _synchronise(cluster, client, cluster.registry.node(node_id), token)


def _synchronise(cluster: Cluster, client: Consul, node: Node, token: str) -> None:
    key, accessor, name = str(uuid.uuid4()), str(uuid.uuid4()), f"saltern-agent-{node.id}"
    client.ensure_policy(name, policies.one_agent(node.id), "Saltern; for one call")
    client.ensure_token(key, name, policies=[name], accessor_id=accessor, ttl="120s")
    try:
        for server in cluster.having("consul-server"):  # any of them may be asked by the agent, which remembers a no
            until(lambda at=server: cluster.consul(key, at).token_self(), "the token on every server", seconds=30)  # type: ignore[misc]
        cluster.consul(key, node).set_agent_token("agent", token)
    finally:
        client.delete_token(accessor)
        client.delete_policy(name)


def verify(cluster: Cluster) -> None:
    try:
        until(lambda: not _missing(cluster), "every agent in the catalog", seconds=90)
    except StepFailed as error:
        raise StepFailed(
            "Not in Consul's catalog.", node=", ".join(_missing(cluster)), cure="journalctl -u consul on it"
        ) from error
