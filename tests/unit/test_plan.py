"""From what there is to what is declared: every difference becomes an action with its reason."""

from dataclasses import replace
from pathlib import Path

import pytest

from saltern import definition
from saltern.model import Definition, LifeCycle, Node
from saltern.names import keepers
from saltern.plan import Action, Actual, Verb, as_data, plan, table


@pytest.fixture(scope="module")
def cluster() -> Definition:
    return definition.load(Path(__file__).parent / "definition" / "base")


@pytest.fixture
def nodes(cluster: Definition) -> list[Node]:
    """Exactly what is declared, all joined."""
    found = []
    for group in cluster.groups.values():
        for number in range(group.count):
            name = "support" if group.name == "support" else f"{group.name}-{number}"
            made_from = keepers(cluster, group)
            found.append(
                Node(name, group.name, group.role, group.zone, group.node_class, "", "", made_from, LifeCycle.JOINED)
            )
    return found


def everything(nodes: list[Node]) -> Actual:
    ids = frozenset(node.id for node in nodes)
    return Actual(ids, ids)


def with_group(cluster: Definition, name: str, **fields: object) -> Definition:
    return replace(cluster, groups={**cluster.groups, name: replace(cluster.groups[name], **fields)})  # type: ignore[arg-type]


def changed(nodes: list[Node], node_id: str, **fields: object) -> list[Node]:
    return [replace(one, **fields) if one.id == node_id else one for one in nodes]  # type: ignore[arg-type]


def brief(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.verb.value, action.node) for action in actions]


def test_a_cluster_as_declared_needs_nothing(cluster: Definition, nodes: list[Node]) -> None:
    actions = plan(cluster, nodes, everything(nodes))
    assert actions == []
    assert table(actions) == "Nothing to do: the cloud is as the definition says."


def test_from_nothing_everything_but_the_support_server_is_created(cluster: Definition) -> None:
    actions = plan(cluster, [], Actual(frozenset(), frozenset()))
    assert [(action.verb.value, action.group) for action in actions] == [
        ("create", "edge"),
        ("create", "general"),
        ("create", "server"),
        ("create", "server"),
        ("create", "server"),
    ]


def test_a_planned_node_keeps_its_name_when_it_is_created(cluster: Definition, nodes: list[Node]) -> None:
    nodes = changed(nodes, "edge-0", state=LifeCycle.PLANNED)
    ids = frozenset(node.id for node in nodes) - {"edge-0"}
    assert brief(plan(cluster, nodes, Actual(ids, ids))) == [("create", "edge-0")]


def test_more_wanted_is_more_created(cluster: Definition, nodes: list[Node]) -> None:
    actions = plan(with_group(cluster, "server", count=5), nodes, everything(nodes))
    assert [(action.verb, action.group, action.node) for action in actions] == [(Verb.CREATE, "server", "")] * 2


@pytest.mark.parametrize("what", [{"image": "base2"}, {"userdata": "#!"}, {"size": "big"}])
def test_a_changed_keeper_replaces_the_group(cluster: Definition, nodes: list[Node], what: dict[str, str]) -> None:
    actions = plan(with_group(cluster, "server", **what), nodes, everything(nodes))
    assert brief(actions) == [("replace", f"server-{number}") for number in range(3)]
    assert all(action.reason == "datacenter, image, size or userdata changed" for action in actions)


def test_a_new_version_replaces_nothing(cluster: Definition, nodes: list[Node]) -> None:
    assert plan(replace(cluster, versions={"consul": "1.22.0"}), nodes, everything(nodes)) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"role": ("consul-server", "vault")}, "its role changed"),
        ({"zone": "user"}, "its zone changed"),
        ({"node_class": "storage"}, "its node_class changed"),
        ({"state": LifeCycle.DRAINING}, "it is draining"),
    ],
)
def test_a_node_unlike_its_group_is_replaced(
    cluster: Definition, nodes: list[Node], fields: dict[str, object], reason: str
) -> None:
    (action,) = plan(cluster, changed(nodes, "server-1", **fields), everything(nodes))
    assert (action.verb, action.node) == (Verb.REPLACE, "server-1")
    assert action.reason.startswith(reason)


def test_a_lost_machine_is_replaced(cluster: Definition, nodes: list[Node]) -> None:
    ids = everything(nodes).machines
    (action,) = plan(cluster, nodes, Actual(ids - {"server-2"}, ids))
    assert (action.verb, action.node, action.reason) == (Verb.REPLACE, "server-2", "its machine is gone from the cloud")


def test_surplus_goes_and_the_sound_nodes_stay(cluster: Definition, nodes: list[Node]) -> None:
    fewer = with_group(cluster, "server", count=1)
    nodes = changed(nodes, "server-0", keepers="old")
    nodes = changed(nodes, "server-1", state=LifeCycle.ACCEPTED)
    assert brief(plan(fewer, nodes, everything(nodes))) == [("destroy", "server-0"), ("destroy", "server-1")]


def test_a_group_that_is_no_longer_declared_goes(cluster: Definition, nodes: list[Node]) -> None:
    groups = {name: group for name, group in cluster.groups.items() if name != "edge"}
    (action,) = plan(replace(cluster, groups=groups), nodes, everything(nodes))
    assert (action.verb, action.node) == (Verb.DESTROY, "edge-0")
    assert "no longer declared" in action.reason


def test_the_support_server_is_never_touched(cluster: Definition, nodes: list[Node]) -> None:
    other = with_group(cluster, "support", image="base2")
    ids = everything(nodes).machines - {"support"}
    assert plan(other, changed(nodes, "support", state=LifeCycle.ACCEPTED), Actual(ids, ids)) == []


@pytest.mark.parametrize(
    ("machines", "keys", "reason"),
    [
        ({"stray-1"}, set(), "a machine that the registry does not know"),
        ({"stray-1"}, {"stray-1"}, "a machine that the registry does not know, its Salt key is accepted"),
        (set(), {"stray-1"}, "an accepted Salt key without machine and node: delete the key"),
    ],
)
def test_what_the_registry_does_not_know_is_an_orphan(
    cluster: Definition, nodes: list[Node], machines: set[str], keys: set[str], reason: str
) -> None:
    ids = everything(nodes).machines
    (action,) = plan(cluster, nodes, Actual(ids | machines, ids | keys))
    assert (action.verb, action.node, action.reason) == (Verb.ORPHAN, "stray-1", reason)


def test_a_joined_node_without_its_key_is_an_orphan(cluster: Definition, nodes: list[Node]) -> None:
    ids = everything(nodes).machines
    (action,) = plan(cluster, nodes, Actual(ids, ids - {"edge-0"}))
    assert (action.verb, action.node) == (Verb.ORPHAN, "edge-0")


def test_a_key_that_was_accepted_without_proof_is_told(cluster: Definition, nodes: list[Node]) -> None:
    actions = plan(cluster, changed(nodes, "edge-0", state=LifeCycle.CREATED), everything(nodes))
    assert brief(actions) == [("replace", "edge-0"), ("orphan", "edge-0")]
    assert "never proved" in actions[1].reason


@pytest.mark.parametrize("state", [LifeCycle.PLANNED, LifeCycle.CREATED])
def test_a_creation_that_was_never_finished_is_done_again(
    cluster: Definition, nodes: list[Node], state: LifeCycle
) -> None:
    ids = everything(nodes).machines
    (action,) = plan(cluster, changed(nodes, "edge-0", state=state), Actual(ids, ids - {"edge-0"}))
    assert (action.verb, action.reason) == (Verb.REPLACE, "its creation was never finished")


def test_text_and_data_say_the_same(cluster: Definition, nodes: list[Node]) -> None:
    actions = plan(with_group(cluster, "server", count=5), nodes, Actual(frozenset(), frozenset()))
    text = table(actions)
    for one in as_data(actions):
        assert any(one["verb"] in line and one["reason"] in line for line in text.splitlines())
    assert text.endswith("2 to create, 5 to replace, 0 to destroy; 0 orphaned.")
