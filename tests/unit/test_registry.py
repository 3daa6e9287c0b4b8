"""The registry: durable, exclusive, and strict about life-cycles."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import saltern
from saltern.errors import RegistryError
from saltern.model import LifeCycle, Node
from saltern.registry import SCHEMA_VERSION, TRANSITIONS, Registry

SERVERS = ("consul-server", "vault", "nomad-server")


def node(node_id: str, ipv4: str = "", ipv6: str = "", state: LifeCycle = LifeCycle.PLANNED) -> Node:
    return Node(node_id, "server", SERVERS, "core", "general", ipv4, ipv6, "k1", state)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "state" / "registry.sqlite")


def test_a_node_comes_back_as_it_went_in(registry: Registry) -> None:
    one = node("server-aaaaaa", "10.99.0.11", "fd5a:99::11", LifeCycle.ACCEPTED)
    registry.add(one)
    assert registry.node("server-aaaaaa") == one


def test_nodes_are_sorted_by_id(registry: Registry) -> None:
    for name in ("server-c", "server-a", "server-b"):
        registry.add(node(name))
    assert [one.id for one in registry.nodes()] == ["server-a", "server-b", "server-c"]


def test_without_a_file_there_are_no_nodes_and_none_is_made(registry: Registry) -> None:
    assert registry.nodes() == []
    with pytest.raises(RegistryError, match="does not know"):
        registry.node("server-a")
    assert not registry.path.exists()


def test_only_root_can_read_it_and_its_side_files(registry: Registry) -> None:
    registry.add(node("server-a"))
    with sqlite3.connect(registry.path) as held:
        held.execute("SELECT * FROM node").fetchall()  # keeps the side files in place
        registry.add(node("server-b"))
        modes = {file.name: file.stat().st_mode & 0o777 for file in registry.path.parent.iterdir()}
    assert {"registry.sqlite", "registry.sqlite-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert registry.path.parent.stat().st_mode & 0o777 == 0o700


def test_it_survives_power_loss_by_write_ahead_log(registry: Registry) -> None:
    registry.add(node("server-a"))
    with sqlite3.connect(registry.path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    with registry._connection() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@pytest.mark.parametrize(
    ("second", "column"),
    [
        (node("server-a", "10.99.0.12"), "id"),
        (node("server-b", "10.99.0.11"), "ipv4"),
        (node("server-b", "10.99.0.12", "fd5a:99::11"), "ipv6"),
    ],
)
def test_ids_and_addresses_are_unique(registry: Registry, second: Node, column: str) -> None:
    registry.add(node("server-a", "10.99.0.11", "fd5a:99::11"))
    with pytest.raises(RegistryError, match=f"another node has the same {column}"):
        registry.add(second)
    assert len(registry.nodes()) == 1


def test_nodes_without_an_address_yet_do_not_clash(registry: Registry) -> None:
    registry.add(node("server-a"))
    registry.add(node("server-b"))
    with pytest.raises(RegistryError, match="same ipv4"):
        registry.update("server-a", ipv4="10.99.0.11")
        registry.update("server-b", ipv4="10.99.0.11")
    assert registry.node("server-b").ipv4 == ""


@pytest.mark.parametrize("before", list(LifeCycle))
@pytest.mark.parametrize("after", list(LifeCycle))
def test_a_node_goes_only_where_the_life_cycle_leads(registry: Registry, before: LifeCycle, after: LifeCycle) -> None:
    registry.add(node("server-a", state=before))
    if after == before or after in TRANSITIONS[before]:
        assert registry.update("server-a", state=after).state is after
    else:
        with pytest.raises(RegistryError, match=f"{before.value} cannot become {after.value}"):
            registry.update("server-a", state=after)
        assert registry.node("server-a").state is before


def test_an_unproved_key_never_leads_to_a_joined_node() -> None:
    assert [state for state, after in TRANSITIONS.items() if LifeCycle.ACCEPTED in after] == [LifeCycle.CREATED]
    assert LifeCycle.JOINED not in TRANSITIONS[LifeCycle.CREATED] | TRANSITIONS[LifeCycle.PLANNED]


def test_plain_data_becomes_the_models_types(registry: Registry) -> None:
    registry.add(node("server-a", state=LifeCycle.CREATED))
    changed = registry.update("server-a", role=["vault"], state="accepted")
    assert changed == registry.node("server-a")
    assert (changed.role, changed.state) == (("vault",), LifeCycle.ACCEPTED)


@pytest.mark.parametrize(
    "fields", [{"id": "server-b"}, {"hypervisor": "h1"}, {"state": "lost"}, {"role": ["boss"]}, {"ipv4": "fd5a:99::1"}]
)
def test_what_a_node_cannot_be_is_refused(registry: Registry, fields: dict[str, object]) -> None:
    registry.add(node("server-a"))
    with pytest.raises(RegistryError) as caught:
        registry.update("server-a", **fields)
    assert caught.value.node == "server-a"
    assert caught.value.cure
    assert registry.node("server-a") == node("server-a")


@pytest.mark.parametrize("name", ["", "Server-a", "a/b", "../x", "-a", "a-", "a b", "a\n", "x" * 64])
def test_an_id_is_a_plain_name(registry: Registry, name: str) -> None:
    with pytest.raises(RegistryError, match="cannot be a node id"):
        registry.add(node(name))


def test_a_removed_node_is_unknown(registry: Registry) -> None:
    registry.add(node("server-a", "10.99.0.11"))
    registry.remove("server-a")
    assert registry.nodes() == []
    with pytest.raises(RegistryError, match="does not know"):
        registry.remove("server-a")
    registry.add(node("server-b", "10.99.0.11"))


def test_a_registry_of_a_newer_saltern_is_left_alone(registry: Registry) -> None:
    registry.add(node("server-a"))
    with sqlite3.connect(registry.path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(RegistryError, match="update Saltern"):
        registry.nodes()


def test_a_broken_file_is_told_with_its_path(registry: Registry) -> None:
    registry.path.parent.mkdir()
    registry.path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(RegistryError, match=str(registry.path)):
        registry.nodes()


WRITER = """
import sys
from saltern.model import Node
from saltern.registry import Registry
for number in range(10):
    role, address = ("vault",), f"10.{sys.argv[2]}.0.{number + 1}"
    Registry(sys.argv[1]).add(Node(f"server-{sys.argv[2]}x{number}", "server", role, "core", "general", address))
"""


def test_several_processes_write_at_once(registry: Registry) -> None:
    environment = {"PYTHONPATH": str(Path(saltern.__file__).parents[1])}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(registry.path), str(number)], env=environment)
        for number in range(4)
    ]
    assert [writer.wait(timeout=50) for writer in writers] == [0, 0, 0, 0]
    assert len(registry.nodes()) == 40
