"""The declared number of Nomad servers has found each other and elected a leader."""

from saltern.bootstrap import services
from saltern.bootstrap.cluster import Cluster
from saltern.waiting import until

TITLE = "Nomad has a leader"
NEEDS = ("nodes-configured",)


def check(cluster: Cluster) -> bool:
    return services.elected(cluster.having("nomad-server"), lambda node: cluster.nomad("", node))


def apply(cluster: Cluster) -> None:
    verify(cluster)


def verify(cluster: Cluster) -> None:
    until(
        lambda: check(cluster),
        "a Nomad leader that knows every server",
        seconds=90,
        cure="journalctl -u nomad on the servers; compare their clocks and firewalls",
    )
