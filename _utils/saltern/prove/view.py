"""What the prover looks at and with, and what a look brings: a value, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from saltern.errors import SalternError, ServiceUnreachable
from saltern.model import Definition, Node

CANARY = "canary"  # the container that proves workload identities: its job, its service
CANARY_SECRET = f"default/{CANARY}"  # what it reads, below Vault's mount secret/
T = TypeVar("T")


@dataclass(frozen=True)
class ClusterView:
    """A cluster as declared and registered, with tokens that may only read.

    :param nodes: every node of the registry.
    :param ca_files: the file of each root: ``consul``, ``nomad``, ``vault``, ``support``.
    :param canary_digest: SHA-256 (hexadecimal) of the marker that the canary reads from Vault.
    """

    definition: Definition
    nodes: Sequence[Node]
    ca_files: Mapping[str, str]
    consul_token: str = field(default="", repr=False)
    nomad_token: str = field(default="", repr=False)
    canary_digest: str = ""

    def having(self, role: str) -> list[Node]:
        """The nodes that carry ``role``."""
        return [node for node in self.nodes if node.has(role)]

    def count(self, role: str) -> int:
        """How many nodes with ``role`` are declared."""
        return sum(group.count for group in self.definition.groups_with(role))

    def vaults(self) -> list[Node]:
        """The nodes that run a Vault: the cluster's, and with a transit seal the support server."""
        return [node for node in self.nodes if node.has("vault") or self.is_transit(node)]

    def is_transit(self, node: Node) -> bool:
        """Whether the node runs the transit Vault."""
        return node.has("support") and self.definition.seal == "transit"


@dataclass(frozen=True)
class Seen(Generic[T]):
    """What a look brought; without a value ``error`` and ``cure`` say why.

    :param answered: whether there was an answer, though one without a value: then the claim is false, not unknown.
    """

    value: T | None
    error: str = ""
    cure: str = ""
    answered: bool = False


def attempt(look: Callable[[], T]) -> Seen[T]:
    """Look, and turn an error of Saltern's own into something seen too."""
    try:
        return Seen(look())
    except SalternError as error:
        return Seen(None, error.what, error.cure, answered=not isinstance(error, ServiceUnreachable))
