"""The main Vault runs on its nodes; with a transit seal it could not have started before its key was there."""

from saltern.bootstrap import services
from saltern.bootstrap.cluster import Cluster
from saltern.waiting import until

TITLE = "Vault listens on its nodes"
NEEDS = ("consul-tokens", "transit-key")


def check(cluster: Cluster) -> bool:
    nodes = cluster.having("vault")
    return cluster.journal.reached("vault") and all(cluster.vault(node).is_reachable() for node in nodes)


def apply(cluster: Cluster) -> None:
    services.start(cluster, "vault", "vault", "vault")


def verify(cluster: Cluster) -> None:
    for node in cluster.having("vault"):
        until(cluster.vault(node).is_reachable, "Vault to listen", seconds=90, cure=f"journalctl -u vault on {node.id}")
