"""The master can do its daily work without any bootstrap token: AppRole, then short-lived tokens from Vault."""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed

TITLE = "The master works with short-lived tokens"
NEEDS = ("vault-configured", "nomad-tokens", "consul-agents")


def _problem(cluster: Cluster) -> str:
    consul, nomad = cluster.lease("consul"), cluster.lease("nomad")
    if not consul or cluster.consul(consul).token_self() is None:
        return "Vault gives the master no Consul token that works."
    if not nomad or cluster.nomad(nomad).token_self() is None:
        return "Vault gives the master no Nomad token that works."
    return ""


def check(cluster: Cluster) -> bool:
    return not _problem(cluster)


def apply(cluster: Cluster) -> None:
    verify(cluster)


def verify(cluster: Cluster) -> None:
    if problem := _problem(cluster):
        raise StepFailed(problem, cure="salt-run cluster.status; journalctl -u vault on the active node")
