"""Every node is looked at before anything is changed; all problems are told together."""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import Problems

TITLE = "Every node is fit for its roles"
NEEDS = ()


def check(cluster: Cluster) -> bool:
    if problems := cluster.preflight():
        raise Problems("The cluster is not fit for the bootstrap; nothing was changed.", problems)
    return True


def apply(cluster: Cluster) -> None:
    check(cluster)


def verify(cluster: Cluster) -> None:
    check(cluster)
