"""Every secret that the journal knows lies only in the declared files of the nodes that are entitled to it."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bare_labs import LABS

from saltern.entitlements import SECRETS

SCAN = Path(__file__).with_name("hostile") / "leak_scan.py"
PYTHON = "/opt/saltstack/bin/python"
OPEN_JOURNAL = """
import json, sys
sys.path[:0] = ["/srv/saltern/_utils"]
from saltern.journal import Journal
journal = Journal()
print(json.dumps({one.name: journal.secret(one.name) for one in journal.secrets() if not one.destroyed}))
"""
# What a node's role entitles it to may lie in these files.
CONFIGURATION = (
    r"/etc/(consul|nomad|vault)\.d/\1\.hcl",
    r"/opt/consul/serf/(local|remote)\.keyring",
    r"/opt/consul/acl-tokens\.json",
    r"/opt/consul/(services|checks)/[0-9a-f]{64}",  # with the token that registered them
    r"/opt/nomad/server/serf\.keyring",
)
# Servers of Consul and Nomad keep every token that their cluster knows.
STATE = {
    "consul-server": (r"/opt/consul/raft/(wal/.+|raft\.db|snapshots/.+)", r"consul_.+|nomad_.+_consul_token|vault_.+"),
    "nomad-server": (r"/opt/nomad/server/raft/(raft\.db|snapshots/.+)", r"nomad_.+"),
}
OPEN = "for everybody"
# By their form: what belongs to a node or a job itself.
OWN = {
    "a private key": (
        r"/etc/salt/pki/(master|minion)/\w+\.pem",
        r"/var/lib/saltern-ca/roots/\w+/generation-\d+/ca-key\.pem",  # encrypted by the unlock key
        r"/opt/nomad/(alloc|client)/.+",
        r"/opt/consul/raft/.+",  # Consul's own authority for its service mesh, which nobody uses
    ),
    "a token of Vault": (r"/opt/nomad/alloc/[^/]+/[^/]+/(secrets|private)/vault_token", r"/opt/nomad/client/state\.db"),
}


@pytest.fixture(scope="module")
def secrets(lab):
    known = json.loads(lab.on("support", PYTHON, "-", stdin=OPEN_JOURNAL))
    assert len(known) > 12 and all(len(value) >= 20 for value in known.values())
    return known


@pytest.fixture(scope="module")
def roles(lab):
    _, status = lab.runner("cluster.status")
    return {node["id"]: set(re.split(r",\s*", node["role"])) for node in status["nodes"]}


@pytest.fixture(scope="module")
def held(lab, secrets, roles):
    """By node and place: the names of the secrets that were found there."""

    def scan(node):
        lab.on(node, "sh", "-c", "umask 077; cat >/run/leak_scan.py", stdin=SCAN.read_text(encoding="utf-8"))
        found = json.loads(lab.on(node, PYTHON, "/run/leak_scan.py", stdin=json.dumps(secrets)))
        lab.on(node, "rm", "/run/leak_scan.py")
        return found

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(roles, pool.map(scan, roles), strict=True))


def entitled(node, roles):
    """The names of the secrets that the configuration of ``node`` may hold."""
    mine = [one for one in SECRETS if set(one.roles) & roles]
    return {f"{one.name}/{node}" if one.per_node else one.name for one in mine}


def allowed(node, roles, where, name):
    """Whether the secret ``name`` may be found on ``node`` at ``where``."""
    if name in OWN:
        return any(re.fullmatch(pattern, where) for pattern in OWN[name])
    if any(re.fullmatch(pattern, where) for pattern in CONFIGURATION) and name in entitled(node, roles):
        return True
    state = [STATE[role] for role in roles if role in STATE]
    return any(re.fullmatch(place, where) and re.fullmatch(names, name) for place, names in state)


def test_secrets_lie_only_where_they_are_declared(held, roles):
    found = [(node, where, name) for node, places in held.items() for where, names in places.items() for name in names]
    what = [one for one in found if one[2] != OPEN]
    assert what
    assert [one for one in what if not allowed(one[0], roles[one[0]], one[1], one[2])] == []


def test_the_scan_finds_what_lies_there(held, roles):
    """Else it would prove nothing."""
    for node, places in held.items():
        assert f"consul_agent_token/{node}" in places["/etc/consul.d/consul.hcl"]
        assert ("/etc/nomad.d/nomad.hcl" in places) == bool({"nomad-server", "nomad-client"} & roles[node])


def test_no_file_with_a_secret_is_for_everybody(held):
    open_ones = [(node, where) for node, places in held.items() for where, what in places.items() if OPEN in what]
    assert open_ones == []


def test_no_container_was_given_a_token_of_vault_by_its_environment(held):
    assert [node for node, places in held.items() if "container" in places] == []


def test_the_machine_that_runs_the_lab_keeps_none_beside_its_nodes(secrets):
    """Only the nodes' disks hold secrets: not the lab's daemon, its logs, or what it handed over."""
    directory = LABS / os.environ.get("SALTERN_LAB", "default")
    values = {name: value.encode() for name, value in secrets.items()}
    found = []
    for file in directory.rglob("*"):
        beside = file.suffix != ".img" and not {"disk", "root"} & set(file.relative_to(directory).parts)
        if beside and file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            found += [(str(file), name) for name, value in values.items() if value in content]
    assert found == []
