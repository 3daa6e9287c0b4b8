"""Takes a node that is lost out of the cluster for good: whether that may be, and what is left of it where.

What is left is looked for in the real systems, so the same call goes on after any interruption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from saltern.bootstrap.cluster import Cluster
from saltern.bootstrap.policies import agent_token
from saltern.clients.consul import Consul
from saltern.clients.http import Quorum
from saltern.clients.nomad import Nomad
from saltern.errors import RegistryError, SalternError
from saltern.model import Node
from saltern.waiting import until

ALIVE = "alive"  # Consul's word for a member that answers the others
SECONDS = 90.0  # in which a leader looks at its members again and takes the lost one out of the catalog


class Outside(Protocol):
    """What Salt and the cloud know of nodes."""

    def answers(self, node: str) -> bool:
        """Whether the node's minion answers."""

    def has_machine(self, node: str) -> bool:
        """Whether the cloud has a machine of this name."""

    def destroy_machine(self, node: str) -> None:
        """Destroy the machine and its disk."""

    def has_key(self, node: str) -> bool:
        """Whether the master has a Salt key of this name."""

    def delete_key(self, node: str) -> None:
        """Delete the Salt key."""


@dataclass(frozen=True)
class Found:
    """The node and the quorums as others see them.

    :param answers: whether its minion answers.
    :param member: what Consul says of it: ``alive``, ``failed``, ``left``; empty where it does not know it.
    :param others: for each quorum that the node is part of, by service: how many servers are declared, and how many
        others than the node are healthy.
    """

    answers: bool
    member: str
    others: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Trace:
    """One place where something may be left of a node.

    :param title: what is done about it, a verb phrase.
    """

    title: str
    left: Callable[[], bool]
    take: Callable[[], object]


@dataclass(frozen=True)
class Forgotten:
    """The titles of what was taken away (with ``test``: would be) and of what was gone already."""

    taken: tuple[str, ...]
    gone: tuple[str, ...]


def refusal(node: Node, found: Found) -> SalternError | None:
    """Why the node may not be forgotten, or ``None``. Pure."""
    if node.has("support"):
        cure = "replace it by hand: docs/how-to/support-server.md"
        return SalternError("It is the support server.", node=node.id, cure=cure)
    if found.answers:
        cure = f"drain it and destroy its machine (salt-cloud -d {node.id}), then run this again."
        return SalternError("Its minion answers: it is not lost.", node=node.id, cure=cure)
    if found.member == ALIVE:
        cure = "stop its machine, wait until `salt-run cluster.status` shows it down, then run this again."
        return SalternError("Consul still sees it alive.", node=node.id, cure=cure)
    for service, (declared, healthy) in found.others.items():
        majority = declared // 2 + 1
        if healthy < majority:
            what = f"Without it {healthy} of {declared} {service} servers are healthy; {majority} must be."
            return SalternError(what, node=node.id, cure="bring the other servers back first.")
    return None


def forget(cluster: Cluster, outside: Outside, node_id: str, *, test: bool = False) -> Forgotten:
    """Take everything away that is left of the node, the registry's row last; with ``test`` only look.

    :raises SalternError: when the node may not be forgotten, or a service does not answer.
    """
    consul, nomad = _consul(cluster), _nomad(cluster)
    traces = list(_traces(cluster, outside, node_id, consul, nomad))
    node = next((one for one in cluster.nodes if one.id == node_id), None)
    if node is None:
        return _stranger(node_id, traces)
    if why := refusal(node, _look(node, cluster, outside, consul, nomad)):
        raise why
    taken, gone = [], []
    for trace in traces:
        if not trace.left():
            gone.append(trace.title)
            continue
        if not test:
            trace.take()
        cluster.say(f"would {trace.title}" if test else f"{trace.title}: done")
        taken.append(trace.title)
    return Forgotten(tuple(taken), tuple(gone))


def _stranger(node_id: str, traces: list[Trace]) -> Forgotten:
    """The registry's row goes last: what is left of a node that is not registered was never this cluster's."""
    if left := [trace.title for trace in traces if trace.left()]:
        what = f"The registry does not know it, yet there would be something to do: {'; '.join(left)}."
        raise RegistryError(what, node=node_id, cure="find out what it is: `salt-run cluster.plan`")
    return Forgotten((), tuple(trace.title for trace in traces))


def _consul(cluster: Cluster) -> Consul | None:
    """A client of Consul's leader that may change things; ``None`` where the bootstrap has not come to Consul."""
    if not cluster.journal.reached("consul"):
        return None
    return cluster.consul(_token(cluster, "consul"), _leader(cluster.having("consul-server"), cluster.consul("")))


def _nomad(cluster: Cluster) -> Nomad | None:
    if not cluster.journal.reached("nomad-server"):
        return None
    return cluster.nomad(_token(cluster, "nomad"), _leader(cluster.having("nomad-server"), cluster.nomad("")))


def _leader(servers: list[Node], client: Quorum) -> Node | None:
    """The node of the leader: the others learn of a fresh token a moment later and refuse it until then."""
    address = client.leader().rpartition(":")[0].strip("[]")
    return next((node for node in servers if address in node.addresses), None)


def _token(cluster: Cluster, service: str) -> str:
    """Not the master's best token: with one that only reads everything would be refused half-way."""
    return cluster.journal.secret(f"{service}_bootstrap") or cluster.lease(service)


def _look(node: Node, cluster: Cluster, outside: Outside, consul: Consul | None, nomad: Nomad | None) -> Found:
    others = {}
    for service, client in (("Consul", consul), ("Nomad", nomad)):
        role = f"{service.lower()}-server"
        if client is not None and node.has(role):
            declared = sum(group.count for group in cluster.definition.groups_with(role))
            healthy = [one for one in client.autopilot_health()["Servers"] or () if one["Healthy"]]
            others[service] = (declared, sum(_node(one["Name"]) != node.id for one in healthy))
    members = {one.name: one.state for one in consul.members()} if consul else {}
    return Found(outside.answers(node.id), members.get(node.id, ""), others)


def _node(server: str) -> str:
    """The node of a server's name: Nomad calls its servers ``<node>.<region>``."""
    return server.partition(".")[0]


def _traces(
    cluster: Cluster, outside: Outside, node: str, consul: Consul | None, nomad: Nomad | None
) -> Iterator[Trace]:
    """In this order: first what could bring the node back, last the row by which a repeated call knows it."""
    yield Trace(
        "destroy its machine and its disk",
        lambda: outside.has_machine(node),
        lambda: outside.destroy_machine(node),
    )
    yield Trace("delete its Salt key", lambda: outside.has_key(node), lambda: outside.delete_key(node))
    if nomad:
        yield from _in_nomad(nomad, node, cluster.definition.region)
    if consul:
        yield from _in_consul(consul, node)
        accessor = agent_token(node).accessor
        yield Trace(
            "revoke its Consul token",
            lambda: consul.token(accessor) is not None,
            lambda: consul.delete_token(accessor),
        )
    secret = agent_token(node).secret
    yield Trace(
        "destroy the working copy of that token",
        lambda: cluster.journal.secret(secret) is not None,
        lambda: cluster.journal.destroy_secret(secret),
    )
    yield Trace(
        "remove it from the registry",
        lambda: node in {one.id for one in cluster.nodes},
        lambda: cluster.registry.remove(node),
    )


def _in_nomad(nomad: Nomad, node: str, region: str) -> Iterator[Trace]:
    name = f"{node}.{region}"

    def clients() -> list[str]:
        return [str(row["ID"]) for row in nomad.nodes() if row["Name"] == node]

    def purge() -> None:
        for one in clients():
            nomad.purge_node(one)

    yield Trace("purge it from Nomad's clients", lambda: bool(clients()), purge)
    yield _raft("Nomad", nomad, name)
    yield Trace(
        "make Nomad's servers forget it",
        lambda: name in {member["Name"] for member in nomad.members()},
        lambda: nomad.force_leave(name),
    )


def _in_consul(consul: Consul, node: str) -> Iterator[Trace]:
    def known() -> bool:
        return node in {one.name for one in consul.members()} | {str(one["Node"]) for one in consul.nodes()}

    def take() -> None:
        consul.force_leave(node)
        until(lambda: not known(), f"Consul to forget {node}", seconds=SECONDS, cure="run the same command again")

    yield _raft("Consul", consul, node)
    yield Trace("make Consul's members forget it", known, take)


def _raft(service: str, client: Consul | Nomad, name: str) -> Trace:
    def ids() -> list[str]:
        return [str(peer["ID"]) for peer in client.raft_peers() if peer["Node"] == name]

    def take() -> None:
        for one in ids():
            client.remove_peer(one)

    return Trace(f"take it out of {service}'s quorum", lambda: bool(ids()), take)
