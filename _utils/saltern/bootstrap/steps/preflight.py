"""Every node is looked at before anything is changed; all problems are told together."""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import Problem, Problems

TITLE = "Every node is fit for its roles"
NEEDS = ()
FIXED = ("name", "datacenter", "region", "seal")  # stand in certificates, data and seals of a running cluster


def check(cluster: Cluster) -> bool:
    if problems := [*_changed(cluster), *cluster.preflight()]:
        raise Problems("The cluster is not fit for the bootstrap; nothing was changed.", problems)
    return True


def _changed(cluster: Cluster) -> list[Problem]:
    """What the first bootstrap has fixed for good and the definition now says otherwise."""
    problems = []
    for key in FIXED:
        was, wanted = cluster.journal.fact(f"definition/{key}"), getattr(cluster.definition, key)
        if was and was != wanted:
            what = f"the cluster was bootstrapped with {was}, the definition now says {wanted}."
            cure = f"put {was} back; another {key} needs another cluster"
            problems.append(Problem(what, where=f"cluster.{key}", cure=cure))
    return problems


def apply(cluster: Cluster) -> None:
    check(cluster)


def verify(cluster: Cluster) -> None:
    check(cluster)
