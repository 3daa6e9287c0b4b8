"""The declared number of Consul servers has found each other and elected a leader."""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import ServiceError
from saltern.waiting import until

TITLE = "Consul has a leader"
NEEDS = ("nodes-configured",)


def _elected(cluster: Cluster) -> bool:
    for node in cluster.having("consul-server"):
        try:
            client = cluster.consul("", node)
            if client.leader() and len(client.peers()) >= len(cluster.having("consul-server")):
                return True
        except ServiceError:
            continue  # another server may answer
    return False


def check(cluster: Cluster) -> bool:
    return _elected(cluster)


def apply(cluster: Cluster) -> None:
    verify(cluster)


def verify(cluster: Cluster) -> None:
    until(
        lambda: _elected(cluster),
        "a Consul leader that knows every server",
        seconds=90,
        cure="journalctl -u consul on the servers; compare their clocks and firewalls",
    )
