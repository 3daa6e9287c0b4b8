"""What the master presents to agents: a node is root over its agent and reads every token that comes."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from saltern.bootstrap.steps import consul_agents
from saltern.model import LifeCycle, Node

MASTER = "the master's own token"


def node(name: str, *role: str) -> Node:
    return Node(name, "group", role, "core", "general", "", "", "", LifeCycle.JOINED)


NODES = {one.id: one for one in (node("server-a", "consul-server"), node("worker-b", "nomad-client"))}


@dataclass
class Cluster:
    """A cluster whose every agent writes down what it is shown."""

    shown: dict[str, set[str]] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    nodes = tuple(NODES.values())
    registry = SimpleNamespace(node=NODES.__getitem__)
    journal = SimpleNamespace(secret=lambda name: f"secret of {name}")

    def having(self, role: str) -> list[Node]:
        return [one for one in self.nodes if one.has(role)]

    def consul(self, token: str = MASTER, at: Node = NODES["server-a"]) -> Any:
        self.shown.setdefault(at.id, set()).add(token)
        return SimpleNamespace(
            nodes=list,
            ensure_policy=lambda *_: True,
            ensure_token=lambda secret, name, **rights: self.made.update({secret: {"name": name, **rights}}),
            token_self=lambda: {"SecretID": token},
            set_agent_token=lambda kind, secret: self.shown[at.id].add(secret),
            delete_token=self.deleted.add,
            delete_policy=self.deleted.add,
        )


def test_no_agent_of_a_worker_sees_a_token_of_the_master():
    cluster = Cluster()
    consul_agents.apply(cluster)
    own = "secret of consul_agent_token/worker-b"
    seen = cluster.shown["worker-b"] - {own}
    assert MASTER not in seen
    assert [cluster.made[token]["policies"] for token in seen] == [["saltern-agent-worker-b"]]
    assert all(cluster.made[token]["ttl"] == "120s" for token in seen)


def test_what_was_shown_is_revoked():
    cluster = Cluster()
    consul_agents.apply(cluster)
    assert {one["accessor_id"] for one in cluster.made.values()} <= cluster.deleted
    assert {f"saltern-agent-{name}" for name in NODES} <= cluster.deleted
