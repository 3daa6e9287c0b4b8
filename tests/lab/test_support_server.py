"""The support server that `support/install` makes, and nodes that salt-cloud creates from it. All share one lab."""

from __future__ import annotations

import json
import os

import pytest
from bare_labs import BareLab

from saltern_lab import wait

PREFIX = os.environ.get("SALTERN_LAB", "")[:7] or "labtest"
FIRST, SECOND, THIRD = "general-aaaaaa", "general-bbbbbb", "general-cccccc"
PENDING = "/etc/salt/pki/master/minions_pre"
INSTALL = "/srv/saltern/support/install"
WRITE_CLOUD_CONFIGURATION = """
import sys
from pathlib import Path
from saltern import cloudconfig, definition, paths
for path, text in cloudconfig.files(definition.load(paths.DEFINITION), "10.99.0.10").items():
    Path("/etc/salt", path).write_text(text)
"""
# Asks under the id of a node in the moment in which that node begins to exist.
STRANGER = f"""
import shutil
from saltern.clients.lab import LabCloud
print("watching", flush=True)
while {THIRD!r} not in [node["name"] for node in LabCloud().nodes()]:
    pass
shutil.copy("/root/foreign.pem", "{PENDING}/{THIRD}")
"""
FOREIGN_KEY = "openssl genrsa 2048 2>/dev/null | openssl rsa -pubout 2>/dev/null"


@pytest.fixture(scope="module")
def lab():
    lab = BareLab(f"{PREFIX}s")
    try:
        print(lab.run("up", "--no-bootstrap"))
        lab.on("support", python(WRITE_CLOUD_CONFIGURATION))
        yield lab
    finally:
        lab.run("down")


def python(script):
    """A shell command that runs ``script`` on the support server with Saltern's package."""
    return f"PYTHONPATH=/srv/saltern/_utils /opt/saltstack/bin/python3 -B - <<'END'\n{script}END\n"


def accepted(lab):
    return set(json.loads(lab.on("support", "salt-key --out=json -l accepted"))["minions"])


def waiting(lab):
    return set(json.loads(lab.on("support", "salt-key --out=json -l unaccepted"))["minions_pre"])


def nodes(lab):
    return {node["name"] for node in lab.call("list")}


def answers(lab, node):
    return "True" in lab.start("exec", "support", "--", "salt", "-t", "5", "--out=txt", node, "test.ping").stdout


def test_the_support_server_answers_itself_and_accepts_nobody_else(lab):
    assert accepted(lab) == {"support"}
    assert answers(lab, "support")
    assert lab.on("support", "stat -c '%a %U' /var/lib/saltern").strip() == "700 root"


def test_a_second_installation_changes_nothing(lab):
    before = lab.on("support", "systemctl show -p MainPID salt-master salt-minion")
    said = lab.on("support", INSTALL)
    for word in ("wrote", "restarting", "starting", "installing", "accepted", "registered"):
        assert word not in said
    assert lab.on("support", "systemctl show -p MainPID salt-master salt-minion") == before


@pytest.mark.parametrize(
    ("spoil", "mend", "word"),
    [
        ("chmod o+w /srv/saltern/pillar", "chmod o-w /srv/saltern/pillar", "chmod -R go-w"),
        ("cp -r /srv/saltern /root/elsewhere", "rm -r /root/elsewhere", "/srv/saltern"),
    ],
)
def test_an_installation_that_must_not_go_on_says_why_and_how(lab, spoil, mend, word):
    lab.on("support", spoil)
    script = "/root/elsewhere/support/install" if "elsewhere" in spoil else INSTALL
    done = lab.start("exec", "support", "--", script)
    lab.on("support", mend)
    assert done.returncode == 1
    assert "Cure:" in done.stderr
    assert word in done.stderr


def test_an_address_outside_the_zone_is_refused(lab):
    done = lab.start("exec", "support", "--", INSTALL, "--address", "192.0.2.1")
    assert done.returncode == 1
    assert "192.0.2.1 lies in no IPv4 network of the zone core" in done.stderr


def test_two_nodes_at_once_are_proved_accepted_and_answer(lab):
    lab.on("support", f"salt-cloud -P -y -p general {FIRST} {SECOND}")
    wait.until(lambda: accepted(lab) == {"support", FIRST, SECOND}, "both keys are accepted", 180)
    for node in (FIRST, SECOND):
        assert lab.on(node, "cat /etc/salt/pki/minion/minion.pub").strip() in lab.on("support", f"salt-key -p {node}")
        wait.until(lambda node=node: answers(lab, node), f"{node} answers", 120)
    grains = json.loads(lab.on("support", f"salt --out=json --static {FIRST} grains.item role zone node_class"))
    assert grains[FIRST] == {"role": ["nomad-client"], "zone": "user", "node_class": "general"}


def test_destroy_leaves_neither_node_nor_key(lab):
    lab.on("support", f"salt-cloud -y -d {FIRST} {SECOND}")
    assert nodes(lab) == {"support"}
    assert accepted(lab) == {"support"}
    assert waiting(lab) == set()


def test_a_create_that_fails_leaves_neither_node_nor_key(lab):
    lab.on("support", "sed -i 's/enrolment_expiry: .*/enrolment_expiry: 1/' /etc/salt/cloud.providers.d/saltern.conf")
    done = lab.start("exec", "support", "--", "salt-cloud", "-y", "-p", "general", THIRD)
    lab.on("support", "sed -i 's/enrolment_expiry: .*/enrolment_expiry: 300/' /etc/salt/cloud.providers.d/saltern.conf")
    assert done.returncode != 0
    assert "in time" in done.stdout + done.stderr
    assert nodes(lab) == {"support"}
    assert (accepted(lab), waiting(lab)) == ({"support"}, set())


def test_a_minion_that_asks_under_a_new_nodes_id_is_not_accepted(lab):
    """The stranger's key reaches the master before the node's own: it must stay where it is."""
    lab.on("support", f"{FOREIGN_KEY} >/root/foreign.pem")
    lab.on("support", f"({python(STRANGER)}) >/root/stranger.log 2>&1 &")
    wait.until(lambda: "watching" in lab.on("support", "cat /root/stranger.log"), "the stranger watches", 60)
    done = lab.start("exec", "support", "--", "salt-cloud", "-y", "-p", "general", THIRD)
    assert done.returncode != 0
    assert "not the node's own" in done.stdout + done.stderr
    assert nodes(lab) == {"support"}
    assert accepted(lab) == {"support"}
    lab.on("support", f"cmp /root/foreign.pem {PENDING}/{THIRD}")


def test_nothing_is_created_under_an_id_that_somebody_asks_for(lab):
    done = lab.start("exec", "support", "--", "salt-cloud", "-y", "-p", "general", THIRD)
    assert done.returncode != 0
    assert "nothing was created" in done.stdout + done.stderr
    assert nodes(lab) == {"support"}
    lab.on("support", f"salt-key -y -d {THIRD}")
