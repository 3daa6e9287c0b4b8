"""One root per trust domain, made on the support server by the signing core, which alone opens their keys."""

from saltern.bootstrap.cluster import Cluster
from saltern.clients.ca import Ca
from saltern.errors import StepFailed
from saltern.pki import roots

TITLE = "The certificate authority has its roots"
NEEDS = ("preflight",)


def check(cluster: Cluster) -> bool:
    return roots.missing() == () and not Ca().call("state")["locked"]


def apply(cluster: Cluster) -> None:
    Ca().call("init")
    roots.publish()


def verify(cluster: Cluster) -> None:
    if missing := roots.missing():
        raise StepFailed(f"Roots are missing: {', '.join(missing)}.", cure="journalctl -u saltern-ca")
