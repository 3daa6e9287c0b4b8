"""From nothing to a proved cluster by `lab/up`, and what is noticed when it no longer is one. The tests build on
each other in the order of the file; they share the cluster of conftest.py."""

import json

import pytest
from cluster_lab import wait_for


def test_up_prints_a_healthy_status_and_what_to_try(lab):
    again = lab.run("up")
    assert "healthy" in again
    assert "NOT healthy" not in again
    assert "lab/exec" in again


def test_every_claim_is_proved(lab):
    lab.becomes_green(30)  # on a busy machine a check may be late


def test_a_second_bootstrap_changes_nothing(lab):
    status, data = lab.runner("cluster.bootstrap")
    assert (status, data["changed"], data["failed"]) == (0, [], {})
    assert len(data["kept"]) > 15


def test_a_second_highstate_changes_nothing_on_any_node(lab):
    results = lab.salt("*", "state.highstate")
    assert set(results) == set(lab.nodes())
    for node, states in results.items():
        assert isinstance(states, dict), (node, states)
        assert [key for key, one in states.items() if one["result"] is not True or one["changes"]] == [], node


def test_the_plan_of_a_built_cluster_is_empty(lab):
    status, data = lab.runner("cluster.plan")
    assert (status, data["actions"]) == (0, [])


def test_bootstrap_secrets_are_revoked_and_destroyed(lab):
    _, data = lab.runner("cluster.custody")
    states = {one["name"]: one["state"] for one in data["secrets"]}
    for name in ("consul_bootstrap", "nomad_bootstrap", "vault_root_token", "transit_root_token"):
        assert states[name] == "destroyed"
    sealed = {one["name"]: one["sealed_to"] for one in data["secrets"] if one["name"].startswith("custody/")}
    assert set(sealed) == {"custody/ca-unlock", "custody/transit-unseal", "custody/vault-recovery"}
    assert all(len(operators) == 5 for operators in sealed.values())


def test_names_below_consul_resolve_on_every_node(lab):
    for node in lab.nodes():
        assert lab.on(node, "getent", "hosts", "active.vault.service.consul").strip()


def test_grains_that_lie_are_refused(lab):
    node = lab.nodes("nomad-client")[0]
    lie = "sed -i.true s/nomad-client/consul-server/ /etc/salt/minion.d/saltern.conf"
    lab.on(node, "sh", "-c", lie)
    refused = lab.attempt("exec", node, "--", "salt-call", "--out=json", "--retcode-passthrough", "state.highstate")
    lab.on(node, "mv", "/etc/salt/minion.d/saltern.conf.true", "/etc/salt/minion.d/saltern.conf")
    states = json.loads(refused.stdout)["local"]
    assert refused.returncode != 0
    failed = [one["comment"] for one in states.values() if one["result"] is False]
    assert any("registry" in comment and "consul-server" in comment for comment in failed)
    assert not any(one["changes"] for one in states.values())
    assert not any("consul.hcl" in key and one["result"] for key, one in states.items())


@pytest.mark.parametrize(
    "request_",
    [
        {"application": "consul", "name": "consul", "cn": "another"},
        {"application": "consul", "name": "consul", "san": "server.dc1.consul"},
        {"application": "vault", "name": "vault"},
    ],
    ids=["foreign name", "foreign SAN", "foreign profile"],
)
def test_member_sign_refuses_what_the_registry_does_not_grant(lab, request_):
    node = lab.nodes("nomad-client")[0]
    subject = f"/CN={request_.get('cn', node)}"
    san = request_.get("san", node)
    csr = lab.on(
        node,
        *("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", "/dev/null", "-subj", subject, "-addext", f"subjectAltName=DNS:{san}"),
    )
    asked = [{"application": request_["application"], "name": request_["name"], "csr": csr}]
    answer = lab.on(
        node, "salt-call", "--out=json", "publish.runner", "member.sign", f"arg=[{json.dumps(asked)}]", "timeout=30"
    )
    assert "BEGIN CERTIFICATE" not in answer
    assert "error" in answer


def test_a_killed_server_turns_prove_red_until_it_is_back(lab):
    victim = lab.nodes("consul-server")[0]
    lab.run("kill", victim)
    wait_for(lambda: bool(lab.false_claims()), 60, "prove to notice the dead server")
    false = lab.false_claims()
    assert any("voter" in name or "member" in name or "vault" in name for name in false), false
    lab.run("start", victim)
    lab.becomes_green()


def test_a_wrong_certificate_turns_prove_red(lab):
    # The active one: a reload must not take its name out of Consul.
    _, page = lab.runner("cluster.status")
    (node,) = [row["node"] for row in page["vault"] if (row["purpose"], row["state"]) == ("cluster", "active")]
    forge = (
        "cd /etc/ssl/vault && cp -p vault.pem vault.pem.true && cp -p vault-key.pem vault-key.pem.true && "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=forged "
        f"-addext subjectAltName=DNS:{node} -keyout /run/forged-key.pem -out /run/forged.pem 2>/dev/null && "
        "cat /run/forged.pem >vault.pem && cat /run/forged-key.pem >vault-key.pem && systemctl reload vault"
    )
    lab.on(node, "sh", "-c", forge)
    wait_for(lambda: bool(lab.false_claims()), 60, "prove to notice the forged certificate")
    assert any("tls" in name and node in name for name in lab.false_claims())
    lab.on(node, "sh", "-c", "cd /etc/ssl/vault && mv vault.pem.true vault.pem && mv vault-key.pem.true vault-key.pem")
    lab.on(node, "systemctl", "reload", "vault")
    lab.on(node, "rm", "/run/forged-key.pem", "/run/forged.pem")
    lab.becomes_green()


def test_an_acl_opened_by_hand_turns_prove_red(lab):
    """The anonymous token gets to read every node, as somebody in a hurry would do it."""
    opened = lab.on("support", "/opt/saltstack/bin/python", "-", stdin=OPEN_ACL)
    assert "opened" in opened
    wait_for(lambda: bool(lab.false_claims()), 60, "prove to notice the open ACL")
    assert any("anonymous" in name for name in lab.false_claims())
    assert "closed" in lab.on("support", "/opt/saltstack/bin/python", "-", stdin=CLOSE_ACL)
    lab.becomes_green()


LEASED = """
import sys; sys.path[:0] = ["/srv/saltern/_utils"]
import salt.config
from saltern_salt.session import open_cluster
opts = salt.config.master_config("/etc/salt/master")
ANONYMOUS = "00000000-0000-0000-0000-000000000002"
def set_policies(policies):
    with open_cluster(opts) as cluster:
        endpoint = cluster.consul(cluster.lease("consul")).endpoint
        endpoint.put(f"/v1/acl/token/{ANONYMOUS}", {"AccessorID": ANONYMOUS, "Policies": policies})
"""
OPEN_ACL = LEASED + 'set_policies([{"Name": "nomad-tasks"}]); print("opened")\n'
CLOSE_ACL = LEASED + 'set_policies([]); print("closed")\n'


def test_a_sealed_vault_turns_prove_red(lab):
    node = lab.nodes("vault")[0]
    # Without its transit Vault a restarted Vault stays sealed; the operators' shares bring both back.
    lab.on("support", "systemctl", "restart", "vault")
    lab.on(node, "systemctl", "restart", "--no-block", "vault")
    wait_for(lambda: any("vault" in name for name in lab.false_claims()), 60, "prove to notice the sealed Vault")
    lab.run("unseal")
    lab.becomes_green()


def test_the_undo_of_a_role_leaves_nothing_and_the_highstate_brings_it_back(lab):
    node = lab.nodes("nomad-client")[-1]
    undone = lab.salt(node, "state.apply", "roles.nomad-client.absent")[node]
    assert all(one["result"] for one in undone.values()), undone
    gone = lab.attempt("exec", node, "--", "ls", "/etc/nomad.d", "/opt/nomad", "/etc/docker/daemon.json")
    assert gone.returncode != 0
    assert not gone.stdout.strip()
    restored = lab.salt(node, "state.highstate")[node]
    assert all(one["result"] for one in restored.values()), restored
    lab.becomes_green()


@pytest.mark.full
def test_a_lost_node_is_forgotten_and_another_takes_its_place(lab):
    lost = lab.nodes("nomad-client")[-1]
    status, text = lab.runner("cluster.forget", lost)
    assert status == 1 and "answers" in text
    lab.run("kill", lost)
    wait_for(lambda: lab.runner("cluster.forget", lost, "test=True")[0] == 0, 120, "Consul to give the node up")
    status, first = lab.runner("cluster.forget", lost)
    assert status == 0 and "remove it from the registry" in first["taken"]
    assert lab.runner("cluster.forget", lost)[1]["taken"] == []
    assert lost not in lab.on("support", "salt-key", "-L")
    status, built = lab.runner("cluster.build")
    assert (status, len(built["created"])) == (0, 1)
    assert lab.runner("cluster.bootstrap")[0] == 0
    lab.becomes_green()
