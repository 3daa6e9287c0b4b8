"""The other choices: seal `shamir`, one server, IPv4 only; and a bootstrap that is refused, killed and resumed.

In the order of the file: the tests share one lab."""

import dataclasses
import os
import signal
import subprocess
from pathlib import Path

import pytest
from cluster_lab import ROOT, Lab, wait_for

DEFINITION = Path(__file__).with_name("small-shamir.yaml")


@dataclasses.dataclass(frozen=True)
class SmallLab(Lab):
    """A second lab beside the one of test_cluster.py."""

    name: str = (os.environ.get("SALTERN_LAB", "")[:7] or "labtest") + "s"


@pytest.fixture(scope="module")
def lab():
    lab = SmallLab()
    lab.run("up", "--no-bootstrap", "--nodes", str(DEFINITION))
    yield lab
    lab.run("down")


@pytest.fixture(scope="module")
def built(lab):
    status, data = lab.runner("cluster.build")
    assert (status, len(data["created"]), data["failed"]) == (0, 2, {}), data
    return {name.rpartition("-")[0]: name for name in data["created"]}


def test_a_wrong_definition_is_told_as_a_whole(lab):
    """Every problem at once, with place and cure; nothing changes."""
    broken = "sed -i.true -e 's/threshold: 2/threshold: 9/' -e 's/role: .nomad-client./role: [nomad-clinet]/' "
    file = "/srv/saltern/pillar/cluster/lab.yaml"
    lab.on("support", "sh", "-c", broken + file)
    try:
        status, data = lab.runner("cluster.validate")
        told = "\n".join(data["problems"])
        assert status != 0
        assert "threshold" in told
        assert "nomad-clinet" in told
        assert told.count("Cure:") >= 2
        refused = lab.attempt("exec", "support", "--", "salt-run", "cluster.bootstrap")
        assert refused.returncode != 0
        assert "Traceback" not in refused.stdout + refused.stderr
    finally:
        lab.on("support", "mv", f"{file}.true", file)


def test_preflight_tells_every_problem_of_every_node_and_changes_nothing(lab, built):
    lab.on(built["server"], "systemd-run", "--unit=squatter", "nc", "-l", "-k", "-p", "8300")
    lab.run("kill", built["client"])
    refused = lab.attempt("exec", "support", "--", "salt-run", "cluster.bootstrap")
    told = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert built["server"] in told
    assert "8300" in told
    assert built["client"] in told
    assert "Traceback" not in told
    _, custody = lab.runner("cluster.custody")
    assert custody["secrets"] == []
    assert lab.attempt("exec", built["server"], "--", "ls", "/etc/consul.d").returncode != 0
    lab.on(built["server"], "systemctl", "stop", "squatter")
    lab.run("start", built["client"])
    ping = ("exec", "support", "--", "salt", "-t", "3", built["client"], "test.ping")
    wait_for(lambda: "True" in lab.attempt(*ping).stdout, 60, "the client's minion")


def test_a_dry_run_changes_nothing(lab, built):
    status, data = lab.runner("cluster.bootstrap", "test=True")
    assert (status, data["kept"], data["failed"]) == (0, ["preflight", "roots"], {})
    assert "secrets-generated" in data["changed"]
    assert lab.runner("cluster.custody")[1]["secrets"] == []


def test_a_killed_bootstrap_is_resumed(lab, built):
    """Killed where it waits for the operators; the second run loses nothing and ends proved."""
    command = [str(ROOT / "lab" / "exec"), "support", "--", "salt-run", "cluster.bootstrap"]
    waiting = "/var/lib/saltern/awaiting-operators"
    running = subprocess.Popen(command, env=lab.environment, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: lab.attempt("exec", "support", "--", "test", "-e", waiting).returncode == 0, 400, "the wait")
        lab.on("support", "pkill", "-KILL", "-f", "salt-run cluster.bootstrap")
        running.wait(60)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    _, before = lab.runner("cluster.custody")
    assert {one["name"] for one in before["secrets"]} >= {"custody/vault-unseal", "vault_root_token"}
    resumed = lab.run("up", seconds=900)
    assert "healthy" in resumed
    assert lab.false_claims() == []
    _, after = lab.runner("cluster.custody")
    ages = {one["name"]: one["age"] for one in after["secrets"]}
    for one in before["secrets"]:  # nothing was made twice
        assert one["name"] in ages or one["name"].endswith("-bootstrap"), one
        assert ages.get(one["name"], one["age"]) >= one["age"]


def test_a_vault_of_operators_stays_sealed_after_a_restart_until_they_come(lab, built):
    lab.on(built["server"], "systemctl", "restart", "--no-block", "vault")
    wait_for(lambda: any("vault" in name for name in lab.false_claims()), 60, "prove to notice the sealed Vault")
    lab.run("unseal")
    lab.becomes_green()
