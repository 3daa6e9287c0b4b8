"""Nomad's access control has its bootstrap token, chosen beforehand."""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import ServiceError, StepFailed
from saltern.waiting import until

TITLE = "Nomad's access control is bootstrapped"
NEEDS = ("nomad-leader", "custody-sealed")


def check(cluster: Cluster) -> bool:
    token = cluster.journal.secret("nomad_bootstrap") or cluster.journal.secret("nomad_status_token")
    return bool(token) and cluster.nomad(token).token_self() is not None


def apply(cluster: Cluster) -> None:
    secret = cluster.journal.secret("nomad_bootstrap")
    if secret is None:
        raise StepFailed(
            "Nomad knows none of the master's tokens, and the bootstrap secret was revoked.",
            cure="restore a Nomad snapshot, or reset Nomad's ACLs: docs/runbooks/reset-nomad-acl.md",
        )

    def accepted() -> bool:  # right after the election Nomad refuses for a moment
        return cluster.nomad(secret).token_self() is not None or cluster.nomad("").bootstrap_acl(secret)

    try:
        until(accepted, "Nomad to accept the bootstrap secret", seconds=30)
    except StepFailed as error:
        raise ServiceError(
            "Nomad was bootstrapped with another secret than the journal's.",
            cure="this Nomad is not this cluster's, or its journal was lost: see docs/runbooks/reset-nomad-acl.md",
        ) from error


def verify(cluster: Cluster) -> None:
    if not check(cluster):
        raise StepFailed("Nomad does not know the bootstrap token.", cure="run the same command again")
