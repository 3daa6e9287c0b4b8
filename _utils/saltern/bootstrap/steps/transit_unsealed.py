"""The operators open the transit Vault; nothing else can."""

from saltern.bootstrap import operators
from saltern.bootstrap.cluster import Cluster
from saltern.bootstrap.steps import transit_initialised
from saltern.clients.vault import Health
from saltern.waiting import until

TITLE = "The operators have unsealed the transit Vault"
NEEDS = ("transit-initialised",)
SEALS = ("transit",)


def check(cluster: Cluster) -> bool:
    return cluster.vault(cluster.support).health() is Health.ACTIVE


def apply(cluster: Cluster) -> None:
    operators.wait_for_unseal(cluster, transit_initialised.SHARES, [cluster.support])


def verify(cluster: Cluster) -> None:
    until(
        lambda: check(cluster), "the transit Vault to become active", seconds=60, cure="journalctl -u vault on support"
    )
