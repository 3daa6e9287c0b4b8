"""The bootstrap's policies against a real Consul: what a worker's tokens and a job's identity cannot do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from saltern.bootstrap import policies
from saltern.clients.consul import Consul
from saltern.errors import ServiceRefused
from support_identities import jwt, key_pair
from support_services import Bench

MANAGEMENT, AGENT, WORKER, ONE_CALL = (str(uuid.uuid4()) for _ in range(4))


@pytest.fixture(scope="module")
def consul(bench: Bench) -> Iterator[Consul]:
    """A freshly bootstrapped server with the tokens that a Nomad client holds."""
    process = bench.consul(1, acl={"tokens": {"agent": AGENT}})
    anonymous = bench.consul_client(1)
    process.wait_for(anonymous.leader, "a leader")
    process.wait_for(lambda: anonymous.bootstrap_acl(MANAGEMENT), "the ACL bootstrap")
    client = bench.consul_client(1, MANAGEMENT)
    client.ensure_policy("nomad-client", policies.CONSUL["nomad-client"])
    client.ensure_token(WORKER, "nomad clients", policies=["nomad-client"])
    yield client


@pytest.mark.parametrize("name", policies.PLATFORM)
def test_a_worker_registers_no_service_of_the_platform(consul, bench, name):
    worker = bench.consul_client(1, WORKER)
    service = {"ID": f"forged-{name}", "Name": name, "Tags": ["active"], "Address": "192.0.2.1", "Port": 1}
    entry = {"Node": "node-1", "Address": "127.0.0.1", "SkipNodeUpdate": True}
    entry["Service"] = {"ID": service["ID"], "Service": name, "Address": "192.0.2.1"}
    redirect = {"Kind": "service-resolver", "Name": name, "Redirect": {"Service": "forged"}}
    for path, body in (
        ("/v1/agent/service/register", service),
        ("/v1/catalog/register", entry),
        ("/v1/config", redirect),
    ):
        with pytest.raises(ServiceRefused) as refused:
            worker.endpoint.put(path, body)
        assert refused.value.status == 403, path


def test_a_worker_registers_what_it_runs(consul, bench):
    worker = bench.consul_client(1, WORKER)
    for name in ("nomad-client", "web"):
        worker.endpoint.put("/v1/agent/service/register", {"ID": name, "Name": name, "Port": 8080})
        worker.endpoint.put(f"/v1/agent/service/deregister/{name}")


def test_a_job_registers_its_own_service_and_none_of_the_platform(consul, bench):
    private, public = key_pair()
    method = policies.consul_auth_method("")
    known = {"JWTValidationPubKeys": [public], "JWTSupportedAlgs": ["RS256"]}
    kept = {key: value for key, value in method["Config"].items() if not key.startswith("JWKS")}
    consul.ensure_auth_method({**method, "Config": {**kept, **known}})
    for rule in policies.CONSUL_BINDING_RULES:
        consul.ensure_binding_rule(rule)
    consul.ensure_policy("nomad-tasks", policies.CONSUL["nomad-tasks"])
    consul.ensure_role({"Name": policies.TASKS_ROLE, "Policies": [{"Name": "nomad-tasks"}]})
    claims = {"aud": "consul.io", "nomad_namespace": "default", "nomad_job_id": "x"}
    door = bench.consul_client(1)
    made = door.login(policies.WORKLOADS, jwt(private, {**claims, "nomad_service": "web"}))
    assert [one["ServiceName"] for one in made["ServiceIdentities"]] == ["web"]
    task = door.login(policies.WORKLOADS, jwt(private, {**claims, "nomad_task": "t"}))
    assert [one["Name"] for one in task["Roles"]] == [policies.TASKS_ROLE]
    for name in policies.PLATFORM:
        with pytest.raises(ServiceRefused):
            door.login(policies.WORKLOADS, jwt(private, {**claims, "nomad_service": name}))


def test_what_an_agent_is_shown_opens_that_agent_only(consul, bench):
    """The token of the step `consul-agents`: whoever is root on the node reads it."""
    consul.ensure_policy("one-agent", policies.one_agent("node-1"))
    consul.ensure_token(ONE_CALL, "for one call", policies=["one-agent"], ttl="60s")
    shown = bench.consul_client(1, ONE_CALL)
    shown.set_agent_token("agent", AGENT)
    assert shown.token_self()["ExpirationTime"]
    assert shown.nodes() == []
    for refused in (shown.tokens, lambda: shown.kv_get("vault/core/keyring"), shown.autopilot_health):
        with pytest.raises(ServiceRefused):
            refused()
    assert [consul.delete_policy("one-agent"), consul.delete_policy("one-agent")] == [True, False]
