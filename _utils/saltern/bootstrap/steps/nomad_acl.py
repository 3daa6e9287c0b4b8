"""Nomad's access control has its bootstrap token, chosen beforehand."""

from saltern.bootstrap import services
from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed

TITLE = "Nomad's access control is bootstrapped"
NEEDS = ("nomad-leader", "custody-sealed")
RUNBOOK = "docs/runbooks/reset-nomad-acl.md"


def check(cluster: Cluster) -> bool:
    return services.knows_master(cluster, "nomad", cluster.nomad)


def apply(cluster: Cluster) -> None:
    services.bootstrap_access(cluster, "nomad", cluster.nomad, RUNBOOK)


def verify(cluster: Cluster) -> None:
    if not check(cluster):
        raise StepFailed("Nomad does not know the bootstrap token.", cure="run the same command again")
