"""Gathers on the support server what the external pillar is made of."""

from __future__ import annotations

from typing import Any

from saltern import artifacts, definition, paths
from saltern.journal import Journal
from saltern.names import is_node_id
from saltern.pillar import Sources, node_pillar, unknown
from saltern.pki.profiles import declared
from saltern.pki.roots import trust
from saltern.registry import Registry


def compile_pillar(
    node_id: str,
    directory: str = paths.DEFINITION,
    registry: str = paths.REGISTRY,
    journal: str = paths.JOURNAL,
    roots: str = paths.CA_ROOTS,
    store: str = paths.ARTIFACT_STORE,
    profiles: str = paths.PROFILES,
) -> dict[str, Any]:
    """The pillar of the minion ``node_id``, from the files of this support server.

    :raises SalternError: when the definition, the registry, the journal or a root cannot be used.
    """
    nodes = Registry(registry).nodes()
    if not is_node_id(node_id) or all(node.id != node_id for node in nodes):
        return unknown()
    book = Journal(journal)
    sources = Sources(book.secret, book.reached, trust(roots), artifacts.store_index(store), declared(profiles))
    return node_pillar(node_id, definition.load_cached(directory), nodes, sources)
