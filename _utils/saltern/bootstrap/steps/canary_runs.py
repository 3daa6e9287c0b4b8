"""A container reads one secret and finds one service by its workload identity."""

from saltern.bootstrap import canary
from saltern.bootstrap.cluster import Cluster
from saltern.model import Definition
from saltern.prove.observations import canaries
from saltern.prove.view import CANARY, CANARY_SECRET
from saltern.waiting import until

TITLE = "The canary reads its secret and finds its service"
NEEDS = ("nomad-clients", "workload-identity", "nomad-tokens", "master-access")
MARKER = "canary_marker"


def check(cluster: Cluster) -> bool:
    """One instance is enough: an old one may still be in the catalog."""
    wanted = canary.digest(cluster.secret(MARKER))
    seen = canaries(cluster.consul())
    return any(one.lines.get("marker") == wanted and one.lines.get("vault") for one in seen)


def _node_class(definition: Definition) -> str:
    """Where the canary runs: among ordinary jobs, if the cluster has nodes for them."""
    classes = {group.node_class for group in definition.groups_with("nomad-client")}
    return min(classes, key=lambda name: (name != "general", name))


def apply(cluster: Cluster) -> None:
    cluster.active_vault().ensure_kv("secret", CANARY_SECRET, {"marker": cluster.secret(MARKER)})
    nomad = cluster.nomad()
    nomad.delete_job(CANARY, purge=True)  # an unchanged job whose container failed would not be placed again
    spec = canary.jobspec(cluster.definition.datacenter, _node_class(cluster.definition), cluster.images(CANARY))
    nomad.register(nomad.parse(spec))


def verify(cluster: Cluster) -> None:
    until(
        lambda: check(cluster),
        "the canary to serve its secret's digest",
        seconds=120,
        interval=0.2,
        cure="`nomad job status canary` and `nomad alloc logs` tell what it lacks: image, secret, DNS or network",
    )
