"""The transit Vault has its own shares, sealed to the operators: the crown jewels, since they unseal everything."""

from saltern.bootstrap import operators
from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed

TITLE = "The transit Vault is initialised"
NEEDS = ("nodes-configured",)
SEALS = ("transit",)
SHARES = "transit-unseal"


def check(cluster: Cluster) -> bool:
    return operators.initialised(cluster, cluster.support, SHARES)


def apply(cluster: Cluster) -> None:
    operators.initialise(cluster, cluster.support, SHARES, recovery=False)


def verify(cluster: Cluster) -> None:
    if not check(cluster):
        raise StepFailed("The transit Vault is not initialised.", node=cluster.support.id, cure="run this again")
