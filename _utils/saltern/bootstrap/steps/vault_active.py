"""One Vault is active. Standbys follow within seconds; `cluster.prove` waits for them, the bootstrap need not."""

from saltern.bootstrap import operators
from saltern.bootstrap.cluster import Cluster
from saltern.bootstrap.steps import vault_initialised
from saltern.clients.vault import Health
from saltern.waiting import until

TITLE = "Vault is unsealed and has an active node"
NEEDS = ("vault-initialised",)


def _active(cluster: Cluster) -> bool:
    return any(cluster.vault(node).health() is Health.ACTIVE for node in cluster.having("vault"))


def check(cluster: Cluster) -> bool:
    return _active(cluster) and not operators.sealed(cluster, cluster.having("vault"))


def apply(cluster: Cluster) -> None:
    if cluster.definition.seal == "shamir":
        operators.wait_for_unseal(cluster, vault_initialised.shares(cluster), cluster.having("vault"))


def verify(cluster: Cluster) -> None:
    until(
        lambda: _active(cluster),
        "an active Vault",
        seconds=90,
        cure="journalctl -u vault; with a transit seal look whether the transit Vault is unsealed",
    )
