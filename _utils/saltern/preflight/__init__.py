"""Before anything is changed: is every node fit for its roles? All problems together; nothing is changed here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from saltern import artifacts
from saltern.entitlements import PROVED
from saltern.errors import Problem
from saltern.model import Definition, Node
from saltern.preflight import checks, ports
from saltern.preflight.facts import Facts, from_data

__all__ = ["check"]

CHECKS = (
    checks.addresses,
    checks.disk,
    checks.memory,
    checks.software,
    checks.firewall,
    checks.containers,
    ports.ports_in_use,
    ports.dns_port_in_use,
)
GATHERING_SECONDS = 60  # how long the answers may take where the caller did not say


def check(
    definition: Definition,
    nodes: Iterable[Node],
    facts_by_node: Mapping[str, Any],
    artifacts_index: artifacts.needs.Index,
    *,
    asked: tuple[float, float] | None = None,
) -> list[Problem]:
    """Every problem of every node, of the cluster and of the artifact store.

    :param nodes: every node of the registry.
    :param facts_by_node: what ``preflight.facts`` returned by id; a node that is missing did not answer.
    :param artifacts_index: what the artifact store holds, from ``saltern.artifacts.store_index``.
    :param asked: Unix times of this machine just before and just after the nodes were asked; without it clocks are
        compared with the support server's more generously.
    """
    nodes = sorted(nodes, key=lambda node: node.id)
    problems = [*_members(definition, nodes), *_artifacts(definition, nodes, artifacts_index)]
    known: dict[str, Facts] = {}
    for node in nodes:
        if node.state not in PROVED:
            continue  # told among the members
        try:
            known[node.id] = from_data(facts_by_node[node.id])
        except KeyError:
            cure = f"see that the machine runs and reaches the master: `salt '{node.id}' test.ping`, its salt-minion."
            problems.append(Problem("the node is down: it did not answer", node=node.id, cure=cure))
        except ValueError:
            cure = f"`salt '{node.id}' saltutil.sync_all`, restart its salt-minion, then see its log."
            problems.append(Problem("its answer is not what `preflight.facts` gives", node=node.id, cure=cure))
    by_id = {node.id: node for node in nodes}
    for node_id, facts in known.items():
        for one in CHECKS:
            problems.extend(one(by_id[node_id], definition, facts))
    problems.extend(_clocks(definition, nodes, known, asked))
    problems.extend(_salt_versions(nodes, known))
    return problems


def _members(definition: Definition, nodes: list[Node]) -> Iterator[Problem]:
    """Every node that the definition wants exists, and its key was proved."""
    for group in definition.groups.values():
        members = [node for node in nodes if node.group == group.name]
        if len(members) < group.count:
            what = f"the group {group.name} has {len(members)} of {group.count} nodes"
            yield Problem(what, where="registry", cure="run `salt-run cluster.build`.")
    for node in nodes:
        if node.state not in PROVED:
            what = f"it is only {node.state.value}: its creation was not finished"
            yield Problem(what, node=node.id, cure="run `salt-run cluster.build`.")
        if node.group not in definition.groups:
            what = f"its group {node.group} is not declared any more"
            yield Problem(
                what, node=node.id, cure="see `salt-run cluster.plan`; declare the group, or let the node go."
            )


def _artifacts(definition: Definition, nodes: list[Node], index: artifacts.needs.Index) -> Iterator[Problem]:
    """The store holds what all roles of the cluster need, in the declared versions."""
    roles = {role for node in nodes for role in node.role}
    roles |= {role for group in definition.groups.values() for role in group.role}
    yield from artifacts.missing(sorted(roles), definition.versions, index)


def _clocks(
    definition: Definition, nodes: list[Node], known: Mapping[str, Facts], asked: tuple[float, float] | None
) -> Iterator[Problem]:
    """No clock is further off than declared. The time for which the question was under way is nobody's fault."""
    if asked is None:
        support = next((known[node.id] for node in nodes if node.has("support") and node.id in known), None)
        if support is None:
            return
        asked = (support.time - GATHERING_SECONDS, support.time + GATHERING_SECONDS)
    for node_id, facts in known.items():
        skew = max(asked[0] - facts.time, facts.time - asked[1])
        if skew > definition.maximum_clock_skew:
            way = "behind" if facts.time < asked[0] else "ahead"
            what = f"its clock is at least {skew:.0f}s {way}; {definition.maximum_clock_skew}s are allowed"
            cure = "set it and run a time service there (`timedatectl set-ntp true`)."
            yield Problem(what, node=node_id, cure=cure)


def _salt_versions(nodes: list[Node], known: Mapping[str, Facts]) -> Iterator[Problem]:
    """All nodes run the support server's Salt."""
    support = next((known[node.id] for node in nodes if node.has("support") and node.id in known), None)
    for node_id, facts in known.items():
        if support and facts.salt != support.salt:
            what = f"its Salt is {facts.salt or 'unknown'}, the support server's is {support.salt}"
            yield Problem(what, node=node_id, cure="build the node anew from the present image.")
