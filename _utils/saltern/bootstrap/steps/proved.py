"""The cluster is what it claims to be, seen from outside."""

from saltern import prove
from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed
from saltern.waiting import until

TITLE = "Every claim about the cluster is proved from outside"
NEEDS = ("bootstrap-tokens-revoked",)


def check(cluster: Cluster) -> bool:
    return prove.run(cluster.view()).ok


def apply(cluster: Cluster) -> None:
    """Standbys and checks settle within seconds; nothing is changed here."""


def verify(cluster: Cluster) -> None:
    try:
        until(lambda: check(cluster), "every claim to be true", seconds=60, interval=0.5)
    except StepFailed as error:
        raise StepFailed(prove.run(cluster.view()).text(), cure="salt-run cluster.prove shows it again") from error
