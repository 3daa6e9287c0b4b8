"""The Nomad clients have joined and can run containers."""

from saltern.bootstrap import services
from saltern.bootstrap.cluster import Cluster
from saltern.waiting import until

TITLE = "Every Nomad client is ready"
# A client that finds no active Vault at its start looks again after 15 s, and gets no job with secrets before.
NEEDS = ("nomad-acl", "consul-agents", "vault-active")


def _waiting(cluster: Cluster) -> list[str]:
    ready = {node["Name"] for node in cluster.nomad().nodes() if node["Status"] == "ready"}
    return [node.id for node in cluster.having("nomad-client") if node.id not in ready]


def _vault_is_found(cluster: Cluster) -> bool:
    """Whether `active.vault.service.consul` leads somewhere."""
    return any("active" in (one["Service"].get("Tags") or ()) for one in cluster.consul().service_health("vault"))


def check(cluster: Cluster) -> bool:
    return cluster.journal.reached("nomad-client") and not _waiting(cluster)


def apply(cluster: Cluster) -> None:
    until(lambda: _vault_is_found(cluster), "the active Vault in Consul's DNS", seconds=60, cure="journalctl -u vault")
    services.start(cluster, "nomad-client", "nomad-client", "nomad")


def verify(cluster: Cluster) -> None:
    services.wait_for_all(
        lambda: _waiting(cluster), "Not ready in Nomad.", seconds=120, cure="journalctl -u nomad on it"
    )
