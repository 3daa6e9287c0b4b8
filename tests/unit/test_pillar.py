"""What a node is told, and above all what it is not told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from saltern import definition, entitlements
from saltern.model import Definition, LifeCycle, Node
from saltern.pillar import Sources, node_pillar
from support_pki import PROFILES

HERE = Path(__file__).parent
ROLES = {
    "support": ("support",),
    "server-a": ("consul-server", "vault", "nomad-server"),
    "server-b": ("consul-server", "vault", "nomad-server"),
    "vault-a": ("vault",),
    "consul-a": ("consul-server",),
    "nomad-a": ("nomad-server",),
    "general-a": ("nomad-client",),
    "edge-a": ("nomad-client",),
}
NODES = [
    Node(name, name.rpartition("-")[0] or name, role, "core", "general", f"10.99.0.{10 + n}", f"fd5a:99::{10 + n}",
         state=LifeCycle.JOINED)
    for n, (name, role) in enumerate(ROLES.items())
]  # fmt: skip
EVERYWHERE = {"consul_gossip", "consul_agent_token", "consul_dns_token"}
# Written out by hand, not derived from the table under test.
ENTITLED = {
    "support": EVERYWHERE,
    "consul-a": EVERYWHERE,
    "vault-a": EVERYWHERE | {"vault_storage_token", "vault_seal_token"},
    "nomad-a": EVERYWHERE | {"nomad_gossip", "nomad_server_consul_token"},
    "general-a": EVERYWHERE | {"nomad_client_consul_token"},
    "edge-a": EVERYWHERE | {"nomad_client_consul_token"},
    "server-a": EVERYWHERE | {"vault_storage_token", "vault_seal_token", "nomad_gossip", "nomad_server_consul_token"},
}


@pytest.fixture(scope="module")
def cluster() -> Definition:
    return definition.load(HERE / "definition" / "base")


def value_of(name: str) -> str:
    return f"value of {name}"


def sources(**changes: Any) -> Sources:
    return replace(Sources(value_of, lambda name: True, {"consul": "PEM"}, {}, PROFILES), **changes)


def compiled(node_id: str, cluster: Definition, nodes: list[Node] = NODES, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = node_pillar(node_id, cluster, nodes, sources(**changes))["saltern"]
    return found


@pytest.mark.parametrize("node_id", sorted(ENTITLED))
def test_a_node_gets_its_secrets_and_no_other(node_id: str, cluster: Definition) -> None:
    found = compiled(node_id, cluster)["secrets"]
    assert found.keys() == ENTITLED[node_id]
    for name, value in found.items():
        assert value == value_of(f"{name}/{node_id}" if name == "consul_agent_token" else name)


@pytest.mark.parametrize("node_id", sorted(ENTITLED))
def test_no_other_nodes_secret_is_even_looked_up(node_id: str, cluster: Definition) -> None:
    asked: list[str] = []

    def remember(name: str) -> str:
        asked.append(name)
        return "x"

    text = str(compiled(node_id, cluster, secret=remember))
    assert {name.partition("/")[0] for name in asked} == ENTITLED[node_id]
    assert all("/" not in name or name.endswith(f"/{node_id}") for name in asked)
    for other in ROLES:
        if other != node_id:
            assert value_of(f"consul_agent_token/{other}") not in text


def test_the_bootstrap_and_status_tokens_reach_no_node(cluster: Definition) -> None:
    names = {entitlement.name for entitlement in entitlements.SECRETS}
    assert not [name for name in names if any(word in name for word in ("bootstrap", "root", "status", "unseal"))]


def test_with_shamir_there_is_no_seal_token(cluster: Definition) -> None:
    assert "vault_seal_token" not in compiled("vault-a", replace(cluster, seal="shamir"))["secrets"]


def test_a_secret_that_does_not_exist_yet_is_left_out(cluster: Definition) -> None:
    assert compiled("server-a", cluster, secret=lambda name: None)["secrets"] == {}


@pytest.mark.parametrize("node_id", ["stranger", "", "server-A", "server-a\n", "*", "../server-a"])
def test_an_unknown_id_learns_only_that_it_is_unknown(node_id: str, cluster: Definition) -> None:
    assert node_pillar(node_id, cluster, NODES, sources()) == {"saltern": {"unknown": True}}


@pytest.mark.parametrize("state", [LifeCycle.PLANNED, LifeCycle.CREATED])
def test_a_node_whose_key_was_not_proved_gets_nothing(state: LifeCycle, cluster: Definition) -> None:
    nodes = [replace(one, state=state) if one.id == "vault-a" else one for one in NODES]
    assert node_pillar("vault-a", cluster, nodes, sources()) == {"saltern": {"unknown": True, "state": state.value}}


@pytest.mark.parametrize("state", [LifeCycle.ACCEPTED, LifeCycle.JOINED, LifeCycle.DRAINING])
def test_a_proved_node_gets_its_pillar(state: LifeCycle, cluster: Definition) -> None:
    nodes = [replace(one, state=state) if one.id == "vault-a" else one for one in NODES]
    assert compiled("vault-a", cluster, nodes)["node"]["id"] == "vault-a"


def test_servers_are_told_by_role_and_only_with_an_address(cluster: Definition) -> None:
    nodes = [*NODES, Node("server-c", "server", ("consul-server",), "core", "general")]
    found = compiled("edge-a", cluster, nodes)
    assert found["consul_servers"] == ["10.99.0.14", "10.99.0.11", "10.99.0.12"]
    assert found["vault_servers"] == ["10.99.0.11", "10.99.0.12", "10.99.0.13"]
    assert found["nomad_servers"] == ["10.99.0.15", "10.99.0.11", "10.99.0.12"]
    assert found["support"] == {"id": "support", "address": "10.99.0.10", "ipv4": "10.99.0.10", "ipv6": "fd5a:99::10"}
    assert [one["id"] for one in found["nodes"]] == sorted(ROLES)


def test_the_cluster_is_told_as_declared(cluster: Definition) -> None:
    assert compiled("edge-a", cluster)["cluster"] == {
        "name": "test",
        "datacenter": "dc1",
        "region": "global",
        "seal": "transit",
        "latency_profile": "lan",
        "networks": {
            "ipv4": ["10.99.0.0/25", "10.99.0.128/25"],
            "ipv6": ["fd5a:99::/80", "fd5a:99:0:0:1::/80"],
        },
        "domain": "consul",
        "server_count": 3,
        "server_counts": {"consul-server": 3, "vault": 3, "nomad-server": 3},
    }


def test_the_node_is_described_from_the_registry(cluster: Definition) -> None:
    assert compiled("general-a", cluster)["node"] == {
        "id": "general-a",
        "group": "general",
        "role": ["nomad-client"],
        "zone": "core",
        "node_class": "general",
        "ipv4": "10.99.0.16",
        "ipv6": "fd5a:99::16",
        "address": "10.99.0.16",
        "addresses": ["10.99.0.16", "fd5a:99::16"],
    }


@pytest.mark.parametrize(
    ("node_id", "reached", "running"),
    [
        ("server-a", set(), set()),
        ("server-a", {"consul", "transit-vault", "nomad-server"}, {"consul", "nomad"}),
        ("server-a", {"consul", "vault"}, {"consul", "vault"}),
        ("support", {"consul", "vault", "nomad-server"}, {"consul"}),
        ("support", {"transit-vault"}, {"vault"}),
        ("general-a", {"consul", "nomad-server"}, {"consul"}),
        ("general-a", {"nomad-client"}, {"nomad"}),
    ],
)
def test_a_service_runs_from_its_point_of_the_bootstrap(
    node_id: str, reached: set[str], running: set[str], cluster: Definition
) -> None:
    services = compiled(node_id, cluster, reached=reached.__contains__)["services"]
    assert services.keys() == {"consul", "vault", "nomad"}
    assert {name for name, wanted in services.items() if wanted} == running


def test_artifacts_come_from_the_support_servers_store(cluster: Definition) -> None:
    record = {"file": "consul", "sha256": "00", "kind": "binary", "image": "", "image_id": ""}
    found = compiled("edge-a", cluster, store={"consul": {"1.21.0": record}})["artifacts"]
    assert found["consul"]["url"] == "https://10.99.0.10:8443/consul/1.21.0/consul"


def test_an_address_of_ipv6_stands_in_brackets(cluster: Definition) -> None:
    nodes = [replace(one, ipv4="") for one in NODES]
    record = {"file": "consul", "sha256": "00", "kind": "binary", "image": "", "image_id": ""}
    found = compiled("edge-a", cluster, nodes, store={"consul": {"1.21.0": record}})["artifacts"]
    assert found["consul"]["url"].startswith("https://[fd5a:99::10]:8443/")


def test_certificates_and_firewall_are_the_nodes_own(cluster: Definition) -> None:
    found = compiled("edge-a", cluster)
    assert {one["application"] for one in found["certificates"]} == {"consul", "nomad"}
    assert all(f"server.{cluster.datacenter}.consul" not in one["dns"] for one in found["certificates"])
    assert found["firewall"]["zones"]
    assert found["trust"] == {"consul": "PEM"}


def test_the_pillar_is_plain_data(cluster: Definition) -> None:
    def plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(type(key) is str and plain(one) for key, one in value.items())
        if isinstance(value, list):
            return all(plain(one) for one in value)
        return type(value) in (str, int, bool, float)

    for node_id in ROLES:
        assert plain(compiled(node_id, cluster)), node_id
