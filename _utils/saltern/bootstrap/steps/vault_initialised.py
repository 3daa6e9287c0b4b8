"""The main Vault is initialised; its recovery keys (or, without transit, unseal keys) are sealed to the operators."""

from saltern.bootstrap import operators
from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed

TITLE = "Vault is initialised, its shares are sealed to the operators"
NEEDS = ("vault-started",)


def shares(cluster: Cluster) -> str:
    """The name of its shares in custody: with a transit seal they recover, they do not unseal."""
    return "vault-recovery" if cluster.definition.seal == "transit" else "vault-unseal"


def check(cluster: Cluster) -> bool:
    return operators.initialised(cluster, cluster.having("vault")[0], shares(cluster))


def apply(cluster: Cluster) -> None:
    recovery = cluster.definition.seal == "transit"
    operators.initialise(cluster, cluster.having("vault")[0], shares(cluster), recovery=recovery)


def verify(cluster: Cluster) -> None:
    if not check(cluster):
        raise StepFailed("Vault is not initialised.", cure="run the same command again")
