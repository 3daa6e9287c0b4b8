"""Every state of the tree, rendered by Salt for every role, node class, seal and address family."""

from __future__ import annotations

import json

import pytest

from render import cluster
from render.checks import find, made, services, unresolved
from render.minion import ROOT
from saltern.model import NODE_CLASSES, ROLES

# A node on which the states of a folder make sense; `absent` states must work on every node.
NODE_OF = {
    "nginx": "support",
    "ca": "support",
    "docker": "general",
    "roles/support": "support",
    "roles/nomad-client": "general",
}
DOCKER = ["saltern-published-ports", "docker", "saltern-containers"]
SLS = sorted(str(path.relative_to(ROOT / "salt")) for path in (ROOT / "salt").rglob("*.sls"))
STATES = [path for path in SLS if path != "top.sls" and not path.startswith("reactor/")]
# What stays when a role is undone, and why: salt/vault/absent.sls, salt/consul/absent.sls.
KEPT = {"/opt/vault", "/var/log/vault", "/etc/resolv.conf"}


def sls_name(path: str) -> str:
    return path.removesuffix(".sls").removesuffix("/init").replace("/", ".")


@pytest.mark.parametrize(("group", "seal", "family", "reached"), cluster.contexts())
def test_the_highstate_compiles(render, group, seal, family, reached):
    pillar = cluster.pillar(group, seal, family, reached=reached)
    chunks = render(pillar).chunks()
    assert unresolved(chunks) == []
    assert [(chunk["state"], chunk["fun"]) for chunk in chunks[:2]] == [
        ("identity", "verified"),
        ("zone_firewall", "managed"),
    ]
    assert chunks[0]["failhard"] is True
    text = json.dumps(chunks)
    assert [secret for secret in sorted(cluster.secrets()) if secret in text] == []


def test_the_contexts_cover_every_role_class_and_zone():
    covered = [node for node in cluster.nodes("dual") if node.group in cluster.GROUPS]
    assert {role for node in covered for role in node.role} == set(ROLES)
    assert {node.node_class for node in covered} == set(NODE_CLASSES)
    assert {node.zone for node in covered} == set(cluster.definition("transit", "dual").zones)


@pytest.mark.parametrize("path", STATES)
def test_a_state_compiles_alone(render, path):
    folder = next((folder for folder in NODE_OF if path.startswith(f"{folder}/")), "")
    chunks = render(cluster.pillar(NODE_OF.get(folder, "server"))).chunks_of(sls_name(path))
    assert chunks
    assert unresolved(chunks) == []


@pytest.mark.parametrize("path", [path for path in STATES if path.endswith("absent.sls")])
@pytest.mark.parametrize("group", ["support", "general"])
def test_an_undo_compiles_on_any_node_and_starts_nothing(render, path, group):
    chunks = render(cluster.pillar(group)).chunks_of(sls_name(path))
    assert services(chunks) == []


def test_an_unresolved_requisite_is_found():
    chunk = {"state": "file", "fun": "managed", "__id__": "a", "name": "a", "__sls__": "x", "require": [{"file": "b"}]}
    assert unresolved([chunk]) == ["a: require {'file': 'b'}"]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("support", ["nginx", "saltern-ca-http", "vault", "consul"]),
        ("server", ["consul", "vault", "nomad"]),
        ("general", ["consul", *DOCKER, "nomad"]),
        ("voter", ["consul"]),
    ],
)
def test_services_start_only_when_the_bootstrap_reached_them(render, group, expected):
    assert services(render(cluster.pillar(group)).chunks()) == expected
    # nginx, the authority's door and Docker with its filter belong to no bootstrap.
    early = [service for service in expected if service in ("nginx", "saltern-ca-http", *DOCKER)]
    assert services(render(cluster.pillar(group, reached=False)).chunks()) == early


def test_with_shamir_the_support_server_runs_no_vault(render):
    assert "vault" not in services(render(cluster.pillar("support", "shamir")).chunks())


@pytest.mark.parametrize(
    ("group", "seal", "reloads"),
    [("server", "transit", False), ("server", "shamir", True), ("support", "transit", True)],
)
def test_a_vault_that_operators_unseal_is_never_restarted(render, group, seal, reloads):
    (vault,) = [
        chunk
        for chunk in find(render(cluster.pillar(group, seal)).chunks(), "unit.running")
        if chunk["name"] == "vault"
    ]
    assert vault["reload"] is reloads


@pytest.mark.parametrize("group", cluster.GROUPS)
def test_the_firewall_stands_and_certificates_are_there_before_any_service_starts(render, group):
    chunks = render(cluster.pillar(group)).chunks()
    order = [f"{chunk['state']}.{chunk['fun']}" for chunk in chunks]
    assert order.index("zone_firewall.managed") < order.index("unit.running")
    assert order.index("node_cert.managed") < order.index("unit.running")


@pytest.mark.parametrize("group", ["support", "voter", "keeper", "planner", "general"])
def test_the_undo_of_a_role_takes_away_what_the_role_made(render, group):
    pillar = cluster.pillar(group)
    (role,) = pillar["saltern"]["node"]["role"]
    # What every node has is not the role's, but a Consul server's share of Consul is.
    others = ("base.trust", "base.certificates") if role == "consul-server" else ("base",)
    before = [chunk for sls in others for chunk in render(pillar).chunks_of(sls)]
    mine = render(pillar).chunks_of(f"roles.{role}")
    undo = render(pillar).chunks_of(f"roles.{role}.absent")
    ended = {chunk["name"] for function in ("unit.dead", "unit.absent") for chunk in find(undo, function)}
    gone = {chunk["name"] for chunk in find(undo, "file.absent")}
    gone |= {f"/etc/systemd/system/{chunk['name']}.service" for chunk in find(undo, "unit.absent")}
    files = made(mine) - made(before)
    assert files
    assert {path for path in files if not any(path == one or path.startswith(f"{one}/") for one in gone)} <= KEPT
    assert set(services(mine)) - set(services(before)) <= ended
    artifacts = {chunk["name"] for chunk in find(mine, "artifact.installed")}
    shared = {chunk["name"] for chunk in find(before, "artifact.installed")}
    assert artifacts - shared <= {chunk["name"] for chunk in find(undo, "artifact.absent")}


def test_a_node_that_nobody_proved_gets_only_the_check_of_its_identity(render):
    minion = render(cluster.unproved("server"))
    assert [f"{chunk['state']}.{chunk['fun']}" for chunk in minion.chunks()] == ["identity.verified"]


@pytest.mark.parametrize("group", ["edge", "general"])
def test_only_load_balancers_may_bind_low_ports_without_root(render, group):
    found = "/etc/sysctl.d/60-saltern-load-balancer.conf" in made(render(cluster.pillar(group)).chunks())
    assert found is (group == "edge")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_two_lines_and_an_include(role):
    lines = (ROOT / "salt" / "roles" / role / "init.sls").read_text(encoding="utf-8").splitlines()
    assert [line[:2] for line in lines[:2]] == ["# ", "# "]
    assert lines[2] == "include:"
    assert all(line.lstrip().startswith(("- ", "{%-")) for line in lines[3:])
