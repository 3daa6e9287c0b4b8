"""The Nomad clients have joined and can run containers."""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed
from saltern.waiting import until

TITLE = "Every Nomad client is ready"
# A client that starts before Vault is active looks for it again only after a while, and gets no job that needs it.
NEEDS = ("nomad-acl", "consul-agents", "vault-active")


def _waiting(cluster: Cluster) -> list[str]:
    ready = {node["Name"] for node in cluster.nomad().nodes() if node["Status"] == "ready"}
    return [node.id for node in cluster.having("nomad-client") if node.id not in ready]


def check(cluster: Cluster) -> bool:
    return cluster.journal.reached("nomad-client") and not _waiting(cluster)


def apply(cluster: Cluster) -> None:
    cluster.journal.reach("nomad-client")
    ids = [node.id for node in cluster.having("nomad-client")]
    cluster.minions.call(ids, "service.enable", "nomad")
    cluster.minions.call(ids, "service.start", "nomad", no_block=True)


def verify(cluster: Cluster) -> None:
    try:
        until(lambda: not _waiting(cluster), "the Nomad clients", seconds=120)
    except StepFailed as error:
        raise StepFailed(
            "Not ready in Nomad.", node=", ".join(_waiting(cluster)), cure="journalctl -u nomad on it"
        ) from error
