"""One highstate per node: firewall first, then certificates, artifacts, configuration, and the services that may run.

Every token in these configurations was chosen beforehand, so this is the only highstate that the bootstrap needs.
"""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed

TITLE = "Every node is configured for its roles"
NEEDS = ("roots", "custody-sealed")
SERVICES = ("consul", "transit-vault", "nomad-server")  # these need nothing that a later step makes


def _ids(cluster: Cluster) -> list[str]:
    return [node.id for node in cluster.nodes]


def check(cluster: Cluster) -> bool:
    if cluster.journal.state("nodes-configured") != "verified":
        return False
    return not any(
        state.changed or state.failed for state in cluster.minions.highstate(_ids(cluster), test=True).values()
    )


def apply(cluster: Cluster) -> None:
    cluster.journal.reach(*SERVICES)
    states = cluster.minions.highstate(_ids(cluster))
    failed = {node: state.failed for node, state in states.items() if state.failed}
    if failed:
        text = "\n".join(f"  - {node}: {'; '.join(reasons)}" for node, reasons in sorted(failed.items()))
        raise StepFailed(
            f"The highstate failed:\n{text}",
            node=", ".join(sorted(failed)),
            cure="mend what the lines say and run the same command again; `salt-call state.highstate` there shows all",
        )


def verify(cluster: Cluster) -> None:
    """The steps that follow ask the services themselves."""
    silent = [node.id for node in cluster.nodes if node.id not in cluster.minions.call(_ids(cluster), "test.ping")]
    if silent:
        raise StepFailed("No answer after the highstate.", node=", ".join(silent), cure="look at its firewall")
