"""Consul's access control has its bootstrap token: ours, chosen beforehand."""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import ServiceError, StepFailed
from saltern.waiting import until

TITLE = "Consul's access control is bootstrapped"
NEEDS = ("consul-leader",)


def check(cluster: Cluster) -> bool:
    token = cluster.journal.secret("consul_bootstrap") or cluster.journal.secret("consul_status_token") or ""
    return cluster.consul(token).token_self() is not None


def apply(cluster: Cluster) -> None:
    secret = cluster.journal.secret("consul_bootstrap")
    if secret is None:
        raise StepFailed(
            "Consul knows none of the master's tokens, and the bootstrap secret was revoked.",
            cure="restore a Consul snapshot, or reset Consul's ACLs: docs/runbooks/reset-consul-acl.md",
        )

    def accepted() -> bool:  # right after the election Consul refuses for a moment
        return cluster.consul(secret).token_self() is not None or cluster.consul("").bootstrap_acl(secret)

    try:
        until(accepted, "Consul to accept the bootstrap secret", seconds=30)
    except StepFailed as error:
        raise ServiceError(
            "Consul was bootstrapped with another secret than the journal's.",
            cure="this Consul is not this cluster's, or its journal was lost: see docs/runbooks/reset-consul-acl.md",
        ) from error


def verify(cluster: Cluster) -> None:
    if not check(cluster):
        raise StepFailed("Consul does not know the bootstrap token.", cure="run the same command again")
