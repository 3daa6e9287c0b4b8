"""The declared number of Consul servers has found each other and elected a leader."""

from saltern.bootstrap import services
from saltern.bootstrap.cluster import Cluster
from saltern.waiting import until

TITLE = "Consul has a leader"
NEEDS = ("nodes-configured",)


def check(cluster: Cluster) -> bool:
    return services.elected(cluster.having("consul-server"), lambda node: cluster.consul("", node))


def apply(cluster: Cluster) -> None:
    verify(cluster)


def verify(cluster: Cluster) -> None:
    until(
        lambda: check(cluster),
        "a Consul leader that knows every server",
        seconds=90,
        cure="journalctl -u consul on the servers; compare their clocks and firewalls",
    )
