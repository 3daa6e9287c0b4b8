"""A container reads one secret and finds one service by its workload identity."""

import urllib.error
import urllib.request

from saltern.bootstrap import canary
from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed
from saltern.waiting import until

TITLE = "The canary reads its secret and finds its service"
NEEDS = ("nomad-clients", "workload-identity", "nomad-tokens", "master-access")
NODE_CLASS = "general"


def _marker(cluster: Cluster) -> str:
    marker = cluster.journal.secret("canary_marker")
    if marker is None:
        raise StepFailed("The journal has no canary marker.", cure="restore the journal from its backup")
    return marker


def _serves(cluster: Cluster) -> bool:
    wanted = canary.digest(_marker(cluster))
    for entry in cluster.consul().service_health("canary"):
        service = entry["Service"]
        host = f"[{service['Address']}]" if ":" in service["Address"] else service["Address"]
        try:
            with urllib.request.urlopen(f"http://{host}:{service['Port']}/", timeout=3) as answer:
                lines = dict(line.partition(" ")[::2] for line in answer.read(4096).decode().splitlines())
        except (urllib.error.URLError, OSError):
            continue  # an old instance may still be in the catalog
        if lines.get("marker") == wanted and lines.get("vault", "").strip():
            return True
    return False


def check(cluster: Cluster) -> bool:
    return _serves(cluster)


def apply(cluster: Cluster) -> None:
    cluster.active_vault().ensure_kv("secret", canary.PATH, {"marker": _marker(cluster)})
    nomad = cluster.nomad()
    nomad.delete_job(canary.JOB, purge=True)  # an unchanged job whose container failed would not be placed again
    spec = canary.jobspec(cluster.definition.datacenter, NODE_CLASS, cluster.image(canary.JOB))
    nomad.register(nomad.parse(spec))


def verify(cluster: Cluster) -> None:
    until(
        lambda: _serves(cluster),
        "the canary to serve its secret's digest",
        seconds=120,
        interval=0.2,
        cure="`nomad job status canary` and `nomad alloc logs` tell what it lacks: image, secret, DNS or network",
    )
