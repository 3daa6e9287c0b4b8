"""What would have to change so that the cloud is as the definition says. Pure: it decides, others act.

The support server is never in a plan: it makes the plans, and is replaced by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from saltern.model import Definition, Group, LifeCycle, Node
from saltern.names import SUPPORT, keepers


class Verb(str, Enum):
    """What is to be done, in the order in which it is done."""

    CREATE = "create"
    REPLACE = "replace"  # the new node joins and is proved before the old one goes
    DESTROY = "destroy"
    ORPHAN = "orphan"  # nothing is done; a person decides


@dataclass(frozen=True)
class Action:
    """One change. ``node`` is empty for a node that does not exist yet."""

    verb: Verb
    group: str
    node: str
    reason: str

    def as_data(self) -> dict[str, str]:
        """Plain data for ``--out=json``."""
        return {**asdict(self), "verb": self.verb.value}


@dataclass(frozen=True)
class Actual:
    """What there is: ids of machines in the cloud and of accepted Salt keys."""

    machines: frozenset[str]
    keys: frozenset[str]


def plan(definition: Definition, nodes: Iterable[Node], actual: Actual) -> list[Action]:
    """Every change that leads from what there is to what is declared, with reasons; empty where nothing is to do.

    :param nodes: every node of the registry.
    """
    registered = {node.id: node for node in nodes}
    actions: list[Action] = []
    for group in definition.groups.values():
        if group.name != SUPPORT:
            members = [node for node in registered.values() if node.group == group.name]
            actions.extend(_group(definition, group, members, actual))
    for node in registered.values():
        if node.group not in definition.groups and node.id != SUPPORT:
            actions.append(Action(Verb.DESTROY, node.group, node.id, f"the group {node.group} is no longer declared"))
    actions.extend(_orphans(registered, actual))
    order = list(Verb)
    return sorted(actions, key=lambda action: (order.index(action.verb), action.group, action.node))


def _group(definition: Definition, group: Group, members: list[Node], actual: Actual) -> Iterator[Action]:
    """Changes of one group: surplus goes, outdated nodes are replaced, what is missing is created."""
    reasons = {node.id: _why_replace(definition, group, node, actual) for node in members}
    stay = sorted(members, key=lambda node: _worth(node, reasons[node.id]))
    for node in stay[group.count :]:
        yield Action(Verb.DESTROY, group.name, node.id, f"{len(members)} nodes, {group.count} wanted")
    for node in stay[: group.count]:
        if node.state is LifeCycle.PLANNED and node.id not in actual.machines:
            yield Action(Verb.CREATE, group.name, node.id, "planned earlier, not created yet")
        elif reasons[node.id]:
            yield Action(Verb.REPLACE, group.name, node.id, reasons[node.id])
    for _ in range(group.count - len(members)):
        yield Action(Verb.CREATE, group.name, "", f"{len(members)} of {group.count} nodes")


def _why_replace(definition: Definition, group: Group, node: Node, actual: Actual) -> str:
    """Why a node cannot stay as it is; empty where it can."""
    if node.state is LifeCycle.DRAINING:
        return "it is draining"
    if node.state in (LifeCycle.PLANNED, LifeCycle.CREATED) and node.id in actual.machines:
        return "its creation was never finished"
    if node.id not in actual.machines and node.state is not LifeCycle.PLANNED:
        return "its machine is gone from the cloud"
    if node.keepers != keepers(definition, group):
        return "datacenter, image, size or userdata changed"
    fixed = (("role", set(node.role), set(group.role)), ("zone", node.zone, group.zone))
    for name, has, wants in (*fixed, ("node_class", node.node_class, group.node_class)):
        if has != wants:
            return f"its {name} changed, and a node keeps the {name} that it was created with"
    return ""


def _worth(node: Node, reason: str) -> tuple[bool, bool, str]:
    """Sorts nodes that should stay before nodes that may go: sound ones first, then those that have joined."""
    return bool(reason), node.state is not LifeCycle.JOINED, node.id


def _orphans(registered: dict[str, Node], actual: Actual) -> Iterator[Action]:
    """Machines, keys and nodes that do not belong together."""
    for machine in actual.machines - registered.keys():
        key = ", its Salt key is accepted" if machine in actual.keys else ""
        yield Action(Verb.ORPHAN, "", machine, f"a machine that the registry does not know{key}")
    for key in actual.keys - registered.keys() - actual.machines:
        yield Action(Verb.ORPHAN, "", key, "an accepted Salt key without machine and node: delete the key")
    for node in registered.values():
        if node.id == SUPPORT:
            continue
        proved = node.state not in (LifeCycle.PLANNED, LifeCycle.CREATED)
        if proved and node.id in actual.machines and node.id not in actual.keys:
            yield Action(Verb.ORPHAN, node.group, node.id, "its Salt key is no longer accepted: it gets no highstate")
        if not proved and node.id in actual.keys:
            reason = "its Salt key is accepted, but was never proved: delete the key"
            yield Action(Verb.ORPHAN, node.group, node.id, reason)


def table(actions: Collection[Action]) -> str:
    """The plan as text, one action a line."""
    if not actions:
        return "Nothing to do: the cloud is as the definition says."
    rows = [(action.verb.value, action.node or f"{action.group}-…", action.reason) for action in actions]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{verb:{widths[0]}}  {node:{widths[1]}}  {reason}" for verb, node, reason in rows]
    counts = [f"{sum(action.verb is verb for action in actions)} to {verb.value}" for verb in list(Verb)[:3]]
    orphans = sum(action.verb is Verb.ORPHAN for action in actions)
    return "\n".join([*lines, "", f"{', '.join(counts)}; {orphans} orphaned."])


def as_data(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """The plan as plain data."""
    return [action.as_data() for action in actions]
