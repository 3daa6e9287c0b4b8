"""Who may be forgotten, and that forgetting takes what is left, in order, once."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from saltern.bootstrap import forget as forgetting
from saltern.bootstrap.forget import Found, forget, refusal
from saltern.clients.consul import Member
from saltern.errors import RegistryError, SalternError
from saltern.model import LifeCycle, Node

SERVER = ("consul-server", "vault", "nomad-server")


def node(name: str, *role: str) -> Node:
    return Node(name, "group", role, "core", "general", "", "", "", LifeCycle.JOINED)


@pytest.mark.parametrize(
    ("role", "found", "why"),
    [
        (("support",), Found(False, "", {}), "It is the support server."),
        (("nomad-client",), Found(True, "failed", {}), "Its minion answers"),
        (("nomad-client",), Found(False, "alive", {}), "Consul still sees it alive."),
        (
            SERVER,
            Found(False, "failed", {"Consul": (3, 1)}),
            "Without it 1 of 3 Consul servers are healthy; 2 must be.",
        ),
        (SERVER, Found(False, "failed", {"Consul": (3, 2), "Nomad": (5, 2)}), "2 of 5 Nomad servers are healthy; 3"),
        (SERVER, Found(False, "failed", {"Consul": (1, 0)}), "Without it 0 of 1 Consul servers"),
    ],
)
def test_a_node_that_lives_or_is_needed_is_refused(role, found, why):
    refused = refusal(node("x-1", *role), found)
    assert why in str(refused) and refused.cure and refused.node == "x-1"


@pytest.mark.parametrize("member", ["failed", "left", ""])
def test_a_dead_one_of_three_servers_is_not_refused(member):
    assert refusal(node("x-1", *SERVER), Found(False, member, {"Consul": (3, 2), "Nomad": (3, 2)})) is None


FIRST, LEADER = (
    Node(name, "group", SERVER, "core", "general", address)
    for name, address in (("first-1", "10.0.0.1"), ("leader-1", "10.0.0.2"))
)


class World:
    """What knows the node ``lost-1``: a set of places; every taking away is written down."""

    def __init__(self, *places: str) -> None:
        self.places, self.calls, self.said, self.asked = set(places), [], [], set()
        take = self.take
        self.outside: Any = SimpleNamespace(
            answers=lambda name: False,
            has_machine=lambda name: "machine" in self.places,
            destroy_machine=take("machine"),
            has_key=lambda name: "key" in self.places,
            delete_key=take("key"),
        )
        self.cluster: Any = SimpleNamespace(
            definition=SimpleNamespace(region="global", groups_with=lambda role: [SimpleNamespace(count=3)]),
            journal=SimpleNamespace(
                reached=lambda point: True,
                secret=lambda name: "s" if name != "consul_agent_token/lost-1" or "secret" in self.places else None,
                destroy_secret=take("secret"),
            ),
            registry=SimpleNamespace(remove=take("row")),
            having=lambda role: [FIRST, LEADER],
            consul=lambda token, at=FIRST: self.service("consul", "lost-1", token, at),
            nomad=lambda token, at=FIRST: self.service("nomad", "lost-1.global", token, at),
            say=self.said.append,
        )

    def take(self, place: str) -> Callable[..., None]:
        def taken(*_: Any) -> None:
            self.calls.append(place)
            self.places.discard(place)

        return taken

    def service(self, kind: str, name: str, token: str, at: Node) -> Any:
        if token:
            self.asked.add(at.id)
        here = self.places
        members: list[Any] = [Member("lost-1", "", "failed", True)] if kind == "consul" else [{"Name": name}]
        others = [{"Name": f"other-{number}", "Healthy": True} for number in (1, 2)]
        return SimpleNamespace(
            leader=lambda: "10.0.0.2:8300",
            autopilot_health=lambda: {"Servers": [*others, {"Name": name, "Healthy": False}]},
            members=lambda: members if f"{kind} member" in here else [],
            nodes=lambda: [{"Name": "lost-1", "Node": "lost-1", "ID": "i"}] if f"{kind} node" in here else [],
            raft_peers=lambda: [{"Node": name, "ID": "p"}] if f"{kind} peer" in here else [],
            remove_peer=self.take(f"{kind} peer"),
            purge_node=self.take("nomad node"),
            force_leave=lambda name: [self.take(f"{kind} {one}")() for one in ("member", "node")],
            token=lambda accessor: {} if "token" in here else None,
            delete_token=self.take("token"),
        )

    def forget(self, **options: bool) -> forgetting.Forgotten:
        self.cluster.nodes = [node("lost-1", *SERVER)] if "row" in self.places else []
        return forget(self.cluster, self.outside, "lost-1", **options)


SERVICES = ("nomad peer", "nomad member", "consul peer", "consul member", "consul node", "token")
ALL = ("machine", "key", "nomad node", *SERVICES, "secret", "row")


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(forgetting, "SECONDS", 0.2)
    return World(*ALL)


def test_everything_is_taken_the_row_last(world):
    done = world.forget()
    assert not world.places
    assert (world.calls[0], world.calls[-1]) == ("machine", "row")
    assert len(done.taken) == len(world.said) == 10 and not done.gone


def test_only_leaders_see_the_fresh_tokens(world):
    """Another server refuses a token that it has not heard of yet."""
    world.forget()
    assert world.asked == {"leader-1"}


def test_dry_nothing_is_taken(world):
    assert len(world.forget(test=True).taken) == 10
    assert not world.calls


def test_a_second_time_there_is_nothing_to_do(world):
    world.forget()
    world.calls.clear()
    assert world.forget().taken == () and not world.calls


def test_after_an_interruption_it_takes_the_rest(world):
    def breaks(*_: Any) -> None:
        raise SalternError("the terminal is gone")

    world.outside.delete_key = breaks
    with pytest.raises(SalternError, match="terminal"):
        world.forget()
    world.outside.delete_key = world.take("key")
    assert "destroy its machine and its disk" in world.forget().gone
    assert not world.places


def test_what_the_registry_never_knew_is_not_touched(world):
    world.places.discard("row")
    with pytest.raises(RegistryError, match="does not know it"):
        world.forget()
    assert not world.calls


def test_one_that_lives_is_not_touched(world):
    world.outside.answers = lambda name: True
    with pytest.raises(SalternError, match="answers"):
        world.forget()
    assert not world.calls
