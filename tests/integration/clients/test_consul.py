"""The Consul client against a real server: TLS, ACL with default deny, ids chosen beforehand."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest

from saltern.clients.consul import Consul
from saltern.errors import ServiceRefused, ServiceUnreachable
from saltern.waiting import until
from support_identities import jwt, key_pair
from support_services import Bench

MANAGEMENT, AGENT = str(uuid.uuid4()), str(uuid.uuid4())


@pytest.fixture(scope="module")
def consul(bench: Bench) -> Iterator[Consul]:
    """A client with the management token of a freshly bootstrapped server."""
    process = bench.consul(1, acl={"tokens": {"agent": AGENT}})
    anonymous = bench.consul_client(1)
    process.wait_for(anonymous.leader, "a leader")
    process.wait_for(lambda: anonymous.bootstrap_acl(MANAGEMENT), "the ACL bootstrap")
    client = bench.consul_client(1, MANAGEMENT)
    client.ensure_token(AGENT, "agent node-1", node_identity=("node-1", "dc1"))
    client.set_agent_token("agent", AGENT)
    yield client


def test_the_bootstrap_secret_is_the_one_that_was_chosen(consul, bench):
    own = consul.token_self()
    assert own["SecretID"] == MANAGEMENT
    assert [policy["Name"] for policy in own["Policies"]] == ["global-management"]
    assert bench.consul_client(1).bootstrap_acl(str(uuid.uuid4())) is False, "it works once"


def test_an_unknown_token_is_nobody(consul, bench):
    assert bench.consul_client(1, str(uuid.uuid4())).token_self() is None


def test_a_token_given_by_a_function_is_asked_for_each_time(consul, bench):
    tokens = iter([MANAGEMENT, str(uuid.uuid4())])
    client = Consul(bench.address(1), bench.ca_file("consul"), lambda: next(tokens))
    assert client.token_self() is not None
    assert client.token_self() is None


def test_leader_peers_and_voters(consul, bench):
    assert consul.leader() == f"{bench.address(1)}:8300"
    assert consul.peers() == [f"{bench.address(1)}:8300"]
    assert [(row["Node"], row["Leader"]) for row in consul.raft_voters()] == [("node-1", True)]
    until(lambda: consul.autopilot_health()["Healthy"], "a healthy server", seconds=30)
    assert [(member.name, member.state, member.server) for member in consul.members()] == [("node-1", "alive", True)]
    assert consul.agent_self()["Config"]["NodeName"] == "node-1"


def test_the_agent_registers_itself_with_its_own_token(consul):
    until(lambda: [node for node in consul.nodes() if node.get("Meta", {}).get("consul-version")], "it", seconds=30)
    assert consul.health_node("node-1")[0]["CheckID"] == "serfHealth"
    assert consul.services() == {"consul": []}
    assert consul.service_health("consul")[0]["Node"]["Node"] == "node-1"
    assert consul.service_health("nothing") == []


def test_keys(consul):
    assert consul.kv_get("test/a") is None
    assert consul.ensure_key("test/a", "één") is True
    assert consul.ensure_key("test/a", "één") is False
    assert consul.kv_get("test/a") == "één".encode()
    assert consul.kv_put("test/a", b"\x00\xff", cas=0) is False, "the key exists"
    assert consul.kv_put("test/b", b"\x00\xff", cas=0) is True
    assert consul.kv_get("test/b") == b"\x00\xff"
    assert consul.kv_put("test/b", b"", cas=consul.kv_row("test/b")["ModifyIndex"]) is True
    assert consul.kv_get("test/b") == b""
    assert consul.kv_keys("test/") == ["test/a", "test/b"]
    assert consul.kv_delete("test/", recurse=True) is True
    assert consul.kv_keys("test/") == []


def test_sessions(consul):
    session = consul.session_create("test", ttl=30)
    assert [row["ID"] for row in consul.sessions()] == [session]
    consul.session_destroy(session)
    assert consul.sessions() == []


def test_a_policy_is_changed_only_when_it_differs(consul):
    assert consul.policy("reader") is None
    assert consul.ensure_policy("reader", 'key_prefix "" { policy = "read" }', "d") is True
    assert consul.ensure_policy("reader", 'key_prefix "" { policy = "read" }', "d") is False
    assert consul.ensure_policy("reader", 'key_prefix "a" { policy = "read" }', "d") is True
    assert consul.policy("reader")["Rules"] == 'key_prefix "a" { policy = "read" }'


def test_a_token_with_chosen_ids_gets_just_its_rights(consul, bench):
    secret, accessor = str(uuid.uuid4()), str(uuid.uuid4())
    consul.ensure_policy("keys", 'key_prefix "k/" { policy = "write" }')
    assert consul.ensure_token(secret, "t", policies=["keys"], accessor_id=accessor) is True
    assert consul.ensure_token(secret, "t", policies=["keys"]) is False
    mine = bench.consul_client(1, secret)
    assert mine.kv_put("k/x", "1") is True
    with pytest.raises(ServiceRefused) as refused:
        mine.kv_put("elsewhere", "1")
    assert refused.value.status == 403
    assert secret not in str(refused.value) and "node-1" in str(refused.value)
    assert consul.ensure_token(secret, "t", templated=["builtin/dns"], node_identity=("n", "dc1")) is True
    found = consul.token(accessor)
    assert not found.get("Policies") and found["TemplatedPolicies"][0]["TemplateName"] == "builtin/dns"
    assert found["NodeIdentities"] == [{"NodeName": "n", "Datacenter": "dc1"}]
    assert accessor in {token["AccessorID"] for token in consul.tokens()}
    assert consul.delete_token(accessor) is True
    assert consul.delete_token(accessor) is False
    assert consul.token(accessor) is None


def test_a_workload_logs_in_by_jwt(consul, bench):
    private, public = key_pair()
    method = {
        "Name": "workloads",
        "Type": "jwt",
        "Description": "test",
        "Config": {
            "JWTValidationPubKeys": [public],
            "JWTSupportedAlgs": ["RS256"],
            "BoundAudiences": ["consul.io"],
            "ClaimMappings": {"service": "service"},
        },
    }
    rule = {"AuthMethod": "workloads", "BindType": "role", "BindName": "tasks", "Selector": '"service" in value'}
    consul.ensure_policy("see", 'node_prefix "" { policy = "read" }')
    role = {"Name": "tasks", "Policies": [{"Name": "see"}]}
    assert [consul.ensure_role(role), consul.ensure_role(role)] == [True, False]
    assert [consul.ensure_auth_method(method), consul.ensure_auth_method(method)] == [True, False]
    assert [consul.ensure_binding_rule(rule), consul.ensure_binding_rule(rule)] == [True, False]
    assert consul.ensure_auth_method({**method, "Description": "other"}) is True
    assert consul.ensure_binding_rule({**rule, "BindName": "other"}) is True
    assert consul.ensure_binding_rule(rule) is True
    assert [one["BindName"] for one in consul.binding_rules("workloads")] == ["tasks"]
    token = bench.consul_client(1).login("workloads", jwt(private, {"aud": "consul.io", "service": "web"}))["SecretID"]
    workload = bench.consul_client(1, token)
    assert [node["Node"] for node in workload.nodes()] == ["node-1"]
    workload.logout()
    assert workload.token_self() is None
    with pytest.raises(ServiceRefused) as refused:
        bench.consul_client(1).login("workloads", jwt(private, {"aud": "elsewhere", "service": "web"}))
    assert "eyJ" not in str(refused.value)


def test_anonymous_sees_nothing(consul, bench):
    anonymous = bench.consul_client(1)
    assert anonymous.nodes() == []
    with pytest.raises(ServiceRefused):
        anonymous.kv_get("test/a")


def test_a_snapshot_is_an_archive(consul):
    assert consul.snapshot()[:2] == b"\x1f\x8b"


def test_another_root_is_not_trusted(consul, bench):
    with pytest.raises(ServiceUnreachable, match="certificate that does not verify") as error:
        Consul(bench.address(1), bench.ca_file("vault"), MANAGEMENT, node="node-1").leader()
    assert error.value.node == "node-1" and error.value.cure


def test_the_library_s_environment_is_ignored(consul, bench, monkeypatch):
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", str(uuid.uuid4()))
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bench.ca_file("vault"))
    client = bench.consul_client(1, MANAGEMENT)
    assert client.ensure_key("environment", json.dumps({})) is True
    assert client.kv_delete("environment") is True


def test_a_stopped_server_is_unreachable(bench, consul):
    bench.processes[0].stop()
    with pytest.raises(ServiceUnreachable, match="nobody listens") as error:
        consul.leader()
    assert "journalctl -u consul" in error.value.cure
