"""Every node's agent has registered itself with its own token."""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed
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
    for node in cluster.nodes:
        token = cluster.journal.secret(f"consul_agent_token/{node.id}")
        if token is None:
            raise StepFailed("The journal has no agent token for it.", node=node.id, cure="restore the journal")
        cluster.consul(node=node).set_agent_token("agent", token)


def verify(cluster: Cluster) -> None:
    try:
        until(lambda: not _missing(cluster), "every agent in the catalog", seconds=90)
    except StepFailed as error:
        raise StepFailed(
            "Not in Consul's catalog.", node=", ".join(_missing(cluster)), cure="journalctl -u consul on it"
        ) from error
