"""The declared number of Nomad servers has found each other and elected a leader."""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import ServiceError
from saltern.waiting import until

TITLE = "Nomad has a leader"
NEEDS = ("nodes-configured",)


def check(cluster: Cluster) -> bool:
    servers = cluster.having("nomad-server")
    for node in servers:
        try:
            client = cluster.nomad("", node)
            if client.leader() and len(client.peers()) >= len(servers):
                return True
        except ServiceError:
            continue  # another server may answer
    return False


def apply(cluster: Cluster) -> None:
    verify(cluster)


def verify(cluster: Cluster) -> None:
    until(
        lambda: check(cluster),
        "a Nomad leader that knows every server",
        seconds=90,
        cure="journalctl -u nomad on the servers; compare their clocks and firewalls",
    )
