"""One root per trust domain, made on the support server; its key never leaves it."""

from saltern.bootstrap.cluster import Cluster
from saltern.pki import roots

TITLE = "The certificate authority has its roots"
NEEDS = ("preflight",)


def check(cluster: Cluster) -> bool:
    return roots.missing() == ()


def apply(cluster: Cluster) -> None:
    roots.ensure()


def verify(cluster: Cluster) -> None:
    roots.verify()
