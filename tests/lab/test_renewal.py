"""Renewal proved on the wire, by the beacon alone and by the nodes' timers alone, while everything is asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cluster_lab import Lab, wait_for

HERE = Path(__file__).parent / "renewal"
PYTHON = "/opt/saltstack/bin/python"
GONE, LEFT = 7200, 1200  # seconds: a life of which two thirds are over
LABELS = {"consul-server": "consul/consul", "vault": "vault/vault", "nomad-server": "nomad/nomad"}
# What a node's own ports serve, as the module sees it: fingerprints by port.
SERVED = """
import json, sys
sys.path.insert(0, "/var/cache/salt/minion/extmods/utils")
from saltern.pki import tls_probe
found = {}
for port in (8200, 8300, 8501, 8503, 4646, 4647):
    preamble = {8300: tls_probe.CONSUL_RPC, 4647: tls_probe.NOMAD_RPC}.get(port, b"")
    try:
        found[port] = tls_probe.probe(sys.argv[1], port, preamble=preamble).fingerprint
    except Exception as error:
        found[port] = repr(error)
print(json.dumps(found))
"""
EVERY_20_SECONDS = """[Timer]
OnCalendar=
OnCalendar=*:*:0/20
RandomizedDelaySec=0
"""
PORTS = {"consul/consul": ("8300", "8501", "8503"), "vault/vault": ("8200",), "nomad/nomad": ("4646", "4647")}


def served(lab: Lab, node: str, label: str) -> set[str]:
    address = next(one["address"] for one in lab.runner("cluster.status")[1]["nodes"] if one["id"] == node)
    found = json.loads(lab.on(node, PYTHON, "-", address, stdin=SERVED))
    return {found[port] for port in PORTS[label]}


def on_disk(lab: Lab, node: str, label: str) -> str:
    text = lab.on(node, "openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", f"/etc/ssl/{label}.pem")
    return text.strip().partition("=")[2]


def age(lab: Lab, node: str, label: str) -> str:
    """Gives a certificate that is due to file and process of the node; its fingerprint."""
    application, root = label.split("/")
    former = lab.on(node, "cat", f"/etc/ssl/{label}.pem")
    aged = lab.on("support", PYTHON, "/run/aged.py", root, str(GONE), str(LEFT), stdin=former)
    lab.on(node, "sh", "-c", f"cat >/etc/ssl/{label}.pem && systemctl reload {application}", stdin=aged)
    return on_disk(lab, node, label)


@contextmanager
def load(lab: Lab) -> Iterator[Callable[[], dict[str, Any]]]:
    """Asks all services until the block ends; the counts are there after it."""
    counts: dict[str, Any] = {}
    lab.on("support", "rm", "-f", "/run/stop-load")

    def run() -> None:
        counts.update(json.loads(lab.on("support", PYTHON, "/run/load.py", "/run/stop-load").splitlines()[-1]))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: counts
    finally:
        lab.on("support", "touch", "/run/stop-load")
        thread.join(120)


@pytest.fixture
def tools(lab: Lab) -> None:
    for name in ("aged.py", "load.py"):
        lab.on("support", "sh", "-c", f"cat >/run/{name}", stdin=(HERE / name).read_text())


def one_node_a_service(lab: Lab) -> dict[str, str]:
    """A different server for each service, by the label that is renewed there."""
    return {LABELS[role]: lab.nodes(role)[number] for number, role in enumerate(LABELS)}


def renewed_under_load(lab: Lab, victims: dict[str, str], seconds: float) -> None:
    """Ages one certificate of each service and waits until every port serves another that the node renewed itself."""
    with load(lab) as counts:
        former = {label: age(lab, node, label) for label, node in victims.items()}
        began = time.monotonic()
        for label, node in victims.items():
            wait_for(
                lambda label=label, node=node: on_disk(lab, node, label) != former[label], seconds, f"{node} {label}"
            )
            wait_for(lambda label=label, node=node: served(lab, node, label) == {on_disk(lab, node, label)}, 60, label)
            print(f"{node} {label}: due to proved served in {time.monotonic() - began:.0f} s")
    found = counts()
    for service, count in found.items():
        print(f"{service}: {count['asked']} asked, {count['failed']} failed raw, {count['lost']} after retries")
    assert {service: count["lost"] for service, count in found.items()} == dict.fromkeys(
        ("consul", "nomad", "vault"), 0
    )
    assert all(count["asked"] > 20 for count in found.values())


def test_renewal_by_the_beacon_alone(lab: Lab, tools: None) -> None:
    victims = one_node_a_service(lab)
    for node in victims.values():
        lab.on(node, "systemctl", "stop", "saltern-node-cert.timer")
    renewed_under_load(lab, victims, 240)
    for node in victims.values():
        lab.on(node, "systemctl", "start", "saltern-node-cert.timer")


def test_renewal_by_the_timer_alone(lab: Lab, tools: None) -> None:
    """The minion's daemon is dead, and the beacon with it."""
    victims = one_node_a_service(lab)
    drop = "/run/systemd/system/saltern-node-cert.timer.d"
    for node in victims.values():
        lab.on(node, "systemctl", "stop", "salt-minion")
        lab.on(node, "sh", "-c", f"mkdir -p {drop} && cat >{drop}/test.conf", stdin=EVERY_20_SECONDS)
        lab.on(node, "sh", "-c", "systemctl daemon-reload && systemctl restart saltern-node-cert.timer")
    renewed_under_load(lab, victims, 180)
    for node in victims.values():
        lab.on(
            node, "sh", "-c", f"rm -r {drop} && systemctl daemon-reload && systemctl restart saltern-node-cert.timer"
        )
        lab.on(node, "systemctl", "start", "salt-minion")
    lab.becomes_green()


def test_what_is_only_read_at_the_start_makes_a_server_restart_in_its_turn(lab: Lab, tools: None) -> None:
    """All three Nomad servers at once: one restarts after the other, and Nomad answers all the time."""
    servers = lab.nodes("nomad-server")
    pids = {node: lab.on(node, "systemctl", "show", "-P", "MainPID", "nomad") for node in servers}
    with load(lab) as counts:
        for node in servers:
            lab.on(node, "touch", "/etc/ssl/nomad/consul.pem")
        answers = lab.salt("server-*", "node_cert.converge")
    assert {node: answers[node]["problems"] for node in servers} == {node: [] for node in servers}
    assert all("nomad was restarted" in answers[node]["done"] for node in servers)
    assert all(lab.on(node, "systemctl", "show", "-P", "MainPID", "nomad") != pids[node] for node in servers)
    print(counts())
    assert [service for service, count in counts().items() if count["lost"]] == []


def test_a_failure_becomes_a_problem_of_the_status_and_goes_when_it_is_mended(lab: Lab) -> None:
    node = lab.nodes("nomad-client")[0]
    lab.on(node, "sh", "-c", "cd /etc/ssl/nomad && mv nomad.pem nomad.pem.true && mkdir nomad.pem")
    with pytest.raises(AssertionError):
        lab.on(node, "salt-call", "--retcode-passthrough", "--out=quiet", "node_cert.converge")
    status = lab.runner("cluster.status")[1]
    (problem,) = [one for one in status["problems"] if one["name"] == f"report.{node}"]
    assert problem["cure"] and "ago" in problem["evidence"]
    lab.on(node, "sh", "-c", "cd /etc/ssl/nomad && rmdir nomad.pem && mv nomad.pem.true nomad.pem")
    lab.on(node, "salt-call", "--retcode-passthrough", "--out=quiet", "node_cert.converge")
    assert not [one for one in lab.runner("cluster.status")[1]["problems"] if one["name"].startswith("report.")]
