"""Preflight tells every unfit node with its cure, all together, and nothing about fit ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from saltern import artifacts, definition, preflight
from saltern.errors import Problem
from saltern.model import Definition, LifeCycle, Node

ANYWHERE = "0.0.0.0"  # noqa: S104 - compared with
NOW = 1_800_000_000.0
STORE = {
    name: {version: {"file": name, "sha256": "00", "kind": "binary", "image": "", "image_id": ""}}
    for name, version in (("consul", "1.21.0"), ("vault", "1.21.1"), ("nomad", "1.11.1"), ("pause", "1.0.0"))
}
Answers = dict[str, Any]


@pytest.fixture(scope="module")
def cluster() -> Definition:
    return definition.load(Path(__file__).parent / "definition" / "base")


@pytest.fixture
def nodes(cluster: Definition) -> list[Node]:
    found = []
    for group in cluster.groups.values():
        for number in range(group.count):
            name = "support" if group.name == "support" else f"{group.name}-{number}"
            core = group.zone == "core"
            last = len(found) + (10 if core else 140)
            ipv6 = f"fd5a:99::{last}" if core else f"fd5a:99:0:0:1::{last}"
            addresses = (f"10.99.0.{last}", ipv6)
            found.append(Node(name, group.name, group.role, group.zone, group.node_class, *addresses, "k"))
    return [replace(node, state=LifeCycle.ACCEPTED) for node in found]


@pytest.fixture
def answers(nodes: list[Node]) -> Answers:
    """What fit nodes answer."""
    return {
        node.id: {
            "time": NOW,
            "python": [3, 11, 2],
            "salt": "3008.3",
            "memory": 2 * 2**30,
            "disk": {"total": 20 * 10**9, "free": 15 * 10**9},
            "addresses": list(node.addresses),
            "listening": [{"protocol": "tcp", "address": ANYWHERE, "port": 22, "process": "/usr/sbin/sshd"}],
            "firewalld": "running",
            "controllers": ["cpu", "memory", "pids"],
            "bridge_module": True,
            "programs": list(preflight.facts.PROGRAMS),
        }
        for node in nodes
    }


def found(cluster: Definition, nodes: list[Node], answers: Answers, store: Any = STORE) -> list[Problem]:
    return preflight.check(cluster, nodes, answers, store, asked=(NOW - 1, NOW + 1))


def test_a_fit_cluster_has_no_problem(cluster: Definition, nodes: list[Node], answers: Answers) -> None:
    assert found(cluster, nodes, answers) == []


LISTENS = {"protocol": "tcp", "address": ANYWHERE, "process": "/usr/bin/nc.openbsd"}


@pytest.mark.parametrize(
    ("node", "change", "says"),
    [
        ("server-1", {"time": NOW - 180}, "its clock is at least 179s behind; 5s are allowed"),
        ("server-1", {"time": NOW + 180}, "its clock is at least 179s ahead; 5s are allowed"),
        ("server-1", {"memory": 400 * 2**20}, "it has 400MiB of memory; consul-server, vault, nomad-server needs 576"),
        ("server-1", {"disk": {"total": 5 * 10**9, "free": 4 * 10**9}}, "its disk has 5GB; consul-server, vault,"),
        ("edge-0", {"disk": {"total": 3 * 10**9, "free": 2 * 10**9}}, "its disk has 3GB; nomad-client needs 4GB"),
        ("server-1", {"disk": {"total": 8 * 10**9, "free": 2 * 10**8}}, "only 200MB of its disk are free"),
        ("server-1", {"addresses": ["10.99.0.12"]}, "the registry says fd5a:99::12, but the machine has 10.99.0.12"),
        ("server-1", {"firewalld": "failed"}, "firewalld is failed, not running"),
        ("server-1", {"firewalld": ""}, "firewalld is dead, not running"),
        ("server-1", {"python": [3, 9, 2]}, "its Salt runs on Python 3.9.2; 3.11 is the least"),
        ("server-1", {"salt": "3006.9"}, "its Salt is 3006.9, the support server's is 3008.3"),
        ("general-0", {"controllers": ["cpu", "pids"]}, "the control group controllers memory are missing"),
        ("general-0", {"bridge_module": False}, "its kernel has no bridge module"),
        (
            "general-0",
            {"programs": ["/usr/sbin/firewalld", "/etc/protocols", "/usr/lib/cni/bridge"]},
            "/usr/sbin/dockerd",
        ),
        ("support", {"programs": ["/usr/sbin/firewalld", "/etc/protocols"]}, "/usr/sbin/nginx is missing"),
        ("server-1", {"programs": ["/etc/protocols"]}, "/usr/sbin/firewalld is missing"),
        ("server-1", {"listening": [{**LISTENS, "port": 8300}]}, "port 8300/tcp, which consul-rpc needs, is in use by"),
        ("server-1", {"listening": [{**LISTENS, "port": 8200}]}, "port 8200/tcp, which vault needs, is in use"),
        ("general-0", {"listening": [{**LISTENS, "port": 4646}]}, "port 4646/tcp, which nomad-http needs"),
        ("support", {"listening": [{**LISTENS, "port": 8443}]}, "port 8443/tcp, which artifact-store needs"),
        ("support", {"listening": [{**LISTENS, "port": 8200}]}, "port 8200/tcp, which vault needs"),
        (
            "edge-0",
            {"listening": [{**LISTENS, "protocol": "udp", "port": 8301, "process": ""}]},
            "port 8301/udp, which consul-serf-lan needs, is in use by an unknown program",
        ),
        (
            "edge-0",
            {"listening": [{**LISTENS, "port": 53, "process": "/usr/sbin/dnsmasq"}]},
            "port 53/tcp, where Consul answers DNS, is in use by /usr/sbin/dnsmasq",
        ),
    ],
)
def test_an_unfit_node_is_named_with_its_cure(
    cluster: Definition, nodes: list[Node], answers: Answers, node: str, change: Answers, says: str
) -> None:
    answers[node] |= change
    (problem,) = found(cluster, nodes, answers)
    assert says in problem.what
    assert problem.node == node
    assert problem.cure.endswith(".")


@pytest.mark.parametrize(
    ("node", "listener"),
    [
        ("server-1", {"port": 8300, "process": "/opt/saltern/consul/1.21.0/consul"}),
        ("server-1", {"port": 53, "address": "127.0.0.1", "process": "/opt/saltern/consul/1.21.0/consul"}),
        ("server-1", {"port": 53, "address": "127.0.0.53", "process": "/usr/lib/systemd/systemd-resolved"}),
        ("support", {"port": 8443, "process": "/usr/sbin/nginx"}),
        ("support", {"port": 4506, "process": "/opt/saltstack/bin/salt-master"}),
        ("support", {"port": 8888, "process": "/usr/bin/python3.11"}),
        ("general-0", {"port": 20001, "process": "/usr/sbin/docker-proxy"}),
        ("edge-0", {"port": 443, "process": "/usr/sbin/haproxy"}),
        ("general-0", {"port": 8200, "process": "/usr/bin/nc.openbsd"}),  # no Vault there
        ("server-1", {"port": 8201, "protocol": "udp", "process": "/usr/bin/nc.openbsd"}),  # Vault has no UDP
    ],
)
def test_our_own_and_foreign_ports_are_told_apart(
    cluster: Definition, nodes: list[Node], answers: Answers, node: str, listener: Answers
) -> None:
    answers[node]["listening"] = [LISTENS | listener]
    assert found(cluster, nodes, answers) == []


def test_a_silent_node_is_down(cluster: Definition, nodes: list[Node], answers: Answers) -> None:
    del answers["server-2"]
    (problem,) = found(cluster, nodes, answers)
    assert problem.node == "server-2"
    assert "the node is down: it did not answer" in problem.what


@pytest.mark.parametrize(
    "answer", [None, "preflight.facts is not available", {}, {"time": "now"}, [1], {"listening": 3}]
)
def test_nonsense_is_told_and_breaks_nothing(
    cluster: Definition, nodes: list[Node], answers: Answers, answer: Any
) -> None:
    answers["server-2"] = answer
    (problem,) = found(cluster, nodes, answers)
    assert (problem.node, problem.what) == ("server-2", "its answer is not what `preflight.facts` gives")


def test_a_missing_family_is_told(cluster: Definition, nodes: list[Node], answers: Answers) -> None:
    nodes = [replace(node, ipv6="") if node.id == "edge-0" else node for node in nodes]
    (problem,) = found(cluster, nodes, answers)
    assert (problem.node, problem.what) == ("edge-0", "it has no ipv6 address in the registry")


def test_an_address_outside_its_zone_is_told(cluster: Definition, nodes: list[Node], answers: Answers) -> None:
    nodes = [replace(node, ipv4="10.99.0.20") if node.id == "edge-0" else node for node in nodes]
    answers["edge-0"]["addresses"].append("10.99.0.20")
    (problem,) = found(cluster, nodes, answers)
    assert problem.what == "10.99.0.20 is in no network of its zone user"


def test_a_group_without_enough_nodes_is_told(cluster: Definition, nodes: list[Node], answers: Answers) -> None:
    (problem,) = found(cluster, [node for node in nodes if node.id != "server-0"], answers)
    assert problem.what == "the group server has 2 of 3 nodes"
    assert "cluster.build" in problem.cure


@pytest.mark.parametrize("state", [LifeCycle.PLANNED, LifeCycle.CREATED])
def test_a_node_that_was_never_finished_is_told_once(
    cluster: Definition, nodes: list[Node], answers: Answers, state: LifeCycle
) -> None:
    nodes = [replace(node, state=state) if node.id == "edge-0" else node for node in nodes]
    del answers["edge-0"]
    (problem,) = found(cluster, nodes, answers)
    assert (problem.node, problem.what) == ("edge-0", f"it is only {state.value}: its creation was not finished")


@pytest.mark.parametrize("missing", ["consul", "vault", "nomad", "pause"])
def test_a_missing_artifact_is_told_once(
    cluster: Definition, nodes: list[Node], answers: Answers, missing: str
) -> None:
    store = {name: versions for name, versions in STORE.items() if name != missing}
    (problem,) = found(cluster, nodes, answers, store)
    assert missing in problem.what
    assert problem.cure


def test_another_version_in_the_store_is_not_the_declared_one(
    cluster: Definition, nodes: list[Node], answers: Answers
) -> None:
    (problem,) = found(replace(cluster, versions={**cluster.versions, "consul": "1.99.0"}), nodes, answers)
    assert "consul 1.99.0 is not in the artifact store" in problem.what


def test_everything_is_told_together(cluster: Definition, nodes: list[Node], answers: Answers) -> None:
    del answers["server-0"]
    answers["server-1"] |= {"time": NOW - 600, "firewalld": "failed"}
    answers["edge-0"]["listening"] = [{**LISTENS, "port": 8501}]
    problems = found(cluster, nodes, answers, {})
    assert {problem.node for problem in problems} >= {"server-0", "server-1", "edge-0"}
    assert len(problems) == 4 + len(artifacts.missing(["vault", "nomad-client"], cluster.versions, {}))


def test_without_the_time_of_asking_minutes_are_still_found(
    cluster: Definition, nodes: list[Node], answers: Answers
) -> None:
    answers["server-0"]["time"] = NOW - 30
    assert preflight.check(cluster, nodes, answers, STORE) == []
    answers["server-0"]["time"] = NOW - 300
    (problem,) = preflight.check(cluster, nodes, answers, STORE)
    assert problem.node == "server-0"
