"""Opens the cluster for a runner: definition, registry, journal, nodes through Salt; and gives leased tokens back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltern import artifacts, paths, preflight
from saltern import definition as definitions
from saltern.artifacts import manifest
from saltern.bootstrap.cluster import Cluster
from saltern.errors import Problem, RegistryError
from saltern.model import Definition, LifeCycle, Node
from saltern.pillar import store_url
from saltern.registry import Registry
from saltern.status import duration
from saltern_salt.minions import Minions


def definition() -> Definition:
    """The validated definition of this support server's cluster."""
    pinned = manifest.load(Path(paths.MANIFEST))
    return definitions.load(
        paths.DEFINITION, artifacts={one.name: pinned.versions(one.name) for one in pinned.artifacts}
    )


@contextmanager
def open_cluster(opts: dict[str, Any]) -> Iterator[Cluster]:
    """The cluster as the master sees it; its leased tokens are revoked at the end."""
    declared, registry = definition(), Registry()
    minions = Minions(opts)
    nodes = registry.nodes()
    if not any(node.has("support") for node in nodes):
        raise RegistryError("The registry has no support server.", cure="run support/install on it")
    cluster = Cluster(
        definition=declared,
        minions=minions,
        preflight=lambda: check_fitness(declared, registry.nodes(), minions),
        images=lambda name: _image(name, next(node for node in nodes if node.has("support"))),
        say=lambda text: None,
        registry=registry,
    )
    try:
        yield cluster
    finally:
        cluster.close()


def check_fitness(declared: Definition, nodes: list[Node], minions: Minions) -> list[Problem]:
    """Every problem of every node, looked for on all of them at once."""
    ids = minions.connected([node.id for node in nodes])
    began = time.time()
    facts = minions.facts(ids, "preflight.facts")
    without = [node for node in ids if node not in facts]
    if without:  # a new node may not have our modules yet
        minions.facts(without, "saltutil.sync_all")
        facts |= minions.facts(without, "preflight.facts")
    return preflight.check(declared, nodes, facts, artifacts.store_index(), asked=(began, time.time()))


def mark_joined(cluster: Cluster) -> None:
    """Every node that took part in a finished bootstrap is a proved member."""
    for node in cluster.nodes:
        if node.state is LifeCycle.ACCEPTED:
            cluster.registry.update(node.id, state=LifeCycle.JOINED)


def _image(name: str, support: Node) -> dict[str, str]:
    return artifacts.for_job(name, artifacts.store_index(), store_url(support))


@dataclass(frozen=True)
class Listing:
    """What exists in custody: rows of name, holders, age in seconds and state."""

    rows: tuple[tuple[str, str, float, str], ...]

    def text(self) -> str:
        """One line a secret."""
        lines = [f"{name:34} {duration(age):>8}  {state:9}  {holders}" for name, holders, age, state in self.rows]
        return "\n".join([f"{'secret':34} {'age':>8}  {'state':9}  sealed to", *lines])

    def data(self) -> dict[str, Any]:
        """The same as data; ages in seconds."""
        return {
            "secrets": [
                {"name": name, "sealed_to": holders.split(", "), "age": round(age), "state": state}
                for name, holders, age, state in self.rows
            ]
        }


def custody(cluster: Cluster) -> Listing:
    """Every secret on record, never its value."""
    now = time.time()
    operators = [
        (f"custody/{name}", ", ".join(cluster.custody.holders(name)), now - since, "sealed")
        for name, since in cluster.custody.secrets().items()
    ]
    machine = [
        (one.name, "this machine", now - one.created, "destroyed" if one.destroyed else "in use")
        for one in cluster.journal.secrets()
    ]
    return Listing(tuple(operators + machine))
