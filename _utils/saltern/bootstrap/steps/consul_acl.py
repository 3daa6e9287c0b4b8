"""Consul's access control has its bootstrap token: ours, chosen beforehand."""

from saltern.bootstrap import services
from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed

TITLE = "Consul's access control is bootstrapped"
NEEDS = ("consul-leader",)
RUNBOOK = "docs/runbooks/reset-consul-acl.md"


def check(cluster: Cluster) -> bool:
    return services.knows_master(cluster, "consul", cluster.consul)


def apply(cluster: Cluster) -> None:
    services.bootstrap_access(cluster, "consul", cluster.consul, RUNBOOK)


def verify(cluster: Cluster) -> None:
    if not check(cluster):
        raise StepFailed("Consul does not know the bootstrap token.", cure="run the same command again")
