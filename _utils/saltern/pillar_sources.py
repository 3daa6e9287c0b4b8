"""Gathers on the support server what the external pillar is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saltern import artifacts, definition, paths
from saltern.errors import SalternError
from saltern.journal import Journal
from saltern.names import is_node_id
from saltern.pillar import Sources, node_pillar, unknown
from saltern.registry import Registry

ROOTS = ("consul", "nomad", "vault", "support")


def compile_pillar(
    node_id: str,
    directory: str = paths.DEFINITION,
    registry: str = paths.REGISTRY,
    journal: str = paths.JOURNAL,
    roots: str = paths.CA_ROOTS,
    store: str = paths.ARTIFACT_STORE,
) -> dict[str, Any]:
    """The pillar of the minion ``node_id``, from the files of this support server.

    :raises SalternError: when the definition, the registry or the journal cannot be used.
    """
    nodes = Registry(registry).nodes()
    if not is_node_id(node_id) or all(node.id != node_id for node in nodes):
        return unknown()
    book = Journal(journal)
    sources = Sources(book.secret, book.reached, trust(roots), artifacts.store_index(store))
    return node_pillar(node_id, definition.load_cached(directory), nodes, sources)


def trust(directory: str = paths.CA_ROOTS) -> dict[str, str]:
    """The PEM certificate of every root that exists by now."""
    files = {root: Path(directory) / root / "ca.pem" for root in ROOTS}
    try:
        return {root: file.read_text(encoding="ascii") for root, file in files.items() if file.exists()}
    except (OSError, UnicodeDecodeError) as error:
        raise SalternError(f"a root certificate cannot be read: {error}", cure="see `salt-run ca.roots`.") from error
