"""The Nomad client against a real server and a real client node."""

from __future__ import annotations

import uuid

import pytest

from saltern.clients.nomad import Nomad
from saltern.errors import ServiceRefused
from saltern.waiting import until
from support_identities import jwt, key_pair
from support_services import Bench

MANAGEMENT = str(uuid.uuid4())
JOB = """
job "sleeper" {
  datacenters = ["dc1"]
  group "g" {
    update {
      min_healthy_time = "0s"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["600"]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
"""


def newest(nomad: Nomad) -> str:
    """What became of the newest allocation; a job has none until it was scheduled."""
    rows = nomad.allocations("sleeper")
    return str(rows[0]["ClientStatus"]) if rows else ""


@pytest.fixture(scope="module")
def nomad(bench: Bench) -> Nomad:
    """A client with the management token of a freshly bootstrapped server that is a client node too."""
    process = bench.nomad(1, server=True, client=True)
    anonymous = bench.nomad_client(1)
    process.wait_for(anonymous.leader, "a leader")
    process.wait_for(lambda: anonymous.bootstrap_acl(MANAGEMENT), "the ACL bootstrap")
    return bench.nomad_client(1, MANAGEMENT)


def test_the_bootstrap_secret_is_the_one_that_was_chosen(nomad, bench):
    own = nomad.token_self()
    assert own["SecretID"] == MANAGEMENT and own["Type"] == "management"
    assert bench.nomad_client(1).bootstrap_acl(str(uuid.uuid4())) is False, "it works once"


def test_an_unknown_token_is_nobody(nomad, bench):
    assert bench.nomad_client(1, str(uuid.uuid4())).token_self() is None


def test_servers(nomad, bench):
    assert nomad.leader() == f"{bench.address(1)}:4647"
    assert nomad.peers() == [f"{bench.address(1)}:4647"]
    assert [row["Leader"] for row in nomad.raft_voters()] == [True]
    until(lambda: nomad.autopilot_health()["Healthy"], "a healthy server", seconds=30)
    assert nomad.agent_health()["server"]["ok"] is True
    assert nomad.agent_self()["config"]["Region"] == "global"
    assert nomad.members()[0]["Status"] == "alive"
    until(lambda: nomad.jwks()["keys"], "the first key", seconds=30)


def test_anonymous_reads_keys_and_health_only(nomad, bench):
    anonymous = bench.nomad_client(1)
    until(lambda: anonymous.jwks()["keys"], "the first key", seconds=30)
    assert anonymous.agent_health()["server"]["ok"] is True
    for ask in (anonymous.nodes, anonymous.members, anonymous.raft_voters, anonymous.agent_self):
        with pytest.raises(ServiceRefused) as refused:
            ask()
        assert refused.value.status == 403
    with pytest.raises(ServiceRefused):
        anonymous.job("sleeper")


def test_the_scheduler(nomad):
    wanted = {"MemoryOversubscriptionEnabled": True, "PreemptionConfig": {"BatchSchedulerEnabled": True}}
    assert [nomad.ensure_scheduler_config(wanted), nomad.ensure_scheduler_config(wanted)] == [True, False]
    found = nomad.scheduler_config()
    assert found["MemoryOversubscriptionEnabled"] is True
    assert found["PreemptionConfig"]["SystemSchedulerEnabled"] is True, "what was not named stays"


def test_namespaces_and_node_pools(nomad):
    assert [nomad.ensure_namespace("user", "u"), nomad.ensure_namespace("user", "u")] == [True, False]
    assert nomad.ensure_namespace("user", "other") is True
    assert {row["Name"] for row in nomad.namespaces()} == {"default", "user"}
    assert [nomad.ensure_node_pool("core", "c"), nomad.ensure_node_pool("core", "c")] == [True, False]


def test_policies_and_tokens(nomad, bench):
    rules = 'node { policy = "read" }\n'
    assert nomad.policy("see") is None
    assert [nomad.ensure_policy("see", rules, "d"), nomad.ensure_policy("see", rules.strip(), "d")] == [True, False]
    bound = {"Namespace": "default", "JobID": "sleeper"}
    assert [nomad.ensure_policy("job", rules, job_acl=bound), nomad.ensure_policy("job", rules, job_acl=bound)] == [
        True,
        False,
    ]
    assert {"see", "job"} <= set(nomad.policies())
    token = nomad.create_token("reader", "client", ["see"], ttl="1h")
    mine = bench.nomad_client(1, token["SecretID"])
    assert mine.nodes() is not None
    with pytest.raises(ServiceRefused) as refused:
        mine.ensure_namespace("mine")
    assert refused.value.status == 403 and token["SecretID"] not in str(refused.value)
    assert token["AccessorID"] in {row["AccessorID"] for row in nomad.tokens()}
    assert nomad.token(token["AccessorID"])["Name"] == "reader"
    assert [nomad.delete_token(token["AccessorID"]), nomad.delete_token(token["AccessorID"])] == [True, False]
    assert mine.token_self() is None
    assert [nomad.delete_policy("job"), nomad.delete_policy("job")] == [True, False]


def test_people_log_in_by_jwt(nomad, bench):
    private, public = key_pair()
    config = {
        "JWTValidationPubKeys": [public],
        "BoundAudiences": ["nomad"],
        "SigningAlgs": ["RS256"],
        "ClaimMappings": {"team": "team"},
    }
    nomad.ensure_policy("see", 'node { policy = "read" }')
    assert [nomad.ensure_role("people", ["see"]), nomad.ensure_role("people", ["see"])] == [True, False]
    assert [nomad.ensure_auth_method("sso", "JWT", config), nomad.ensure_auth_method("sso", "JWT", config)] == [
        True,
        False,
    ]
    rule = {"selector": 'value.team == "a"', "bind_type": "role", "bind_name": "people"}
    assert [nomad.ensure_binding_rule("sso", **rule), nomad.ensure_binding_rule("sso", **rule)] == [True, False]
    token = bench.nomad_client(1).login("sso", jwt(private, {"aud": "nomad", "team": "a"}))
    assert bench.nomad_client(1, token["SecretID"]).nodes() is not None
    with pytest.raises(ServiceRefused):
        bench.nomad_client(1).login("sso", jwt(private, {"aud": "nomad", "team": "b"}))


def test_a_node_becomes_ready_and_can_be_set_aside(nomad):
    until(lambda: [row for row in nomad.nodes() if row["Status"] == "ready"], "a ready node", seconds=60)
    node = nomad.nodes()[0]
    assert node["Name"] == "node-1"
    nomad.set_eligibility(node["ID"], eligible=False)
    assert nomad.nodes()[0]["SchedulingEligibility"] == "ineligible"
    nomad.set_eligibility(node["ID"], eligible=True)
    assert nomad.nodes()[0]["SchedulingEligibility"] == "eligible"


def test_a_job_runs_and_is_left_alone_when_unchanged(nomad):
    until(lambda: [row for row in nomad.nodes() if row["Status"] == "ready"], "a ready node", seconds=60)
    job = nomad.parse(JOB)
    assert nomad.job("sleeper") is None and nomad.allocations("sleeper") == []
    assert nomad.plan(job)["Diff"]["Type"] == "Added"
    assert nomad.ensure_job(job) is True
    until(lambda: newest(nomad) == "running", "a running allocation", seconds=60)
    until(lambda: nomad.deployment("sleeper")["TaskGroups"]["g"]["HealthyAllocs"] == 1, "a healthy one", seconds=60)
    assert nomad.ensure_job(job) is False
    assert nomad.job("sleeper")["Status"] == "running"
    assert [row["ID"] for row in nomad.jobs()] == ["sleeper"]
    assert nomad.delete_job("sleeper") is True
    until(lambda: newest(nomad) == "complete", "its end", seconds=60)
    assert nomad.ensure_job(job) is True, "a stopped job is made to run again"
    until(lambda: newest(nomad) == "running", "a running allocation", seconds=60)
    assert [nomad.delete_job("sleeper", purge=True), nomad.delete_job("sleeper", purge=True)] == [True, False]


def test_a_snapshot_is_an_archive(nomad):
    assert nomad.snapshot()[:2] == b"\x1f\x8b"
