from ipaddress import ip_network
from pathlib import Path

import pytest
import yaml

from saltern.firewall import rules
from saltern.model import Custody, Definition, Node, Zone

CASES = sorted(Path(__file__).with_name("cases").glob("*.yaml"))
ZONES = {
    "core": Zone("core", "core", (ip_network("192.0.2.0/25"), ip_network("2001:db8:0:1::/64"))),
    "user": Zone("user", "user", (ip_network("192.0.2.128/25"), ip_network("2001:db8:0:2::/64"))),
}


def desired(role, zone, node_class, seal):
    definition = Definition(
        "example",
        "dc1",
        "global",
        "lab",
        ("ipv4", "ipv6"),
        seal,
        "lan",
        Custody(1, ("ada",)),
        {},
        ZONES,
        {},
        {},
        1,
        1,
        1,
    )
    return rules.desired(Node("a-1", "a", tuple(role), zone, node_class), definition)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path):
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = desired(**case["node"], seal=case["seal"])
    for item in (*found["zones"].values(), *found["policies"].values()):
        assert item.pop("description")
    assert found == case["expected"]


def test_a_strangers_port_is_open_for_the_cluster_too():
    # A source's zone comes before the default zone: what is open for all must stand in both.
    found = desired(["nomad-client"], "user", "load-balancer", "transit")["zones"]
    assert set(found["saltern-drop"]["ports"]) <= set(found["saltern"]["ports"])


def test_names_fit_into_firewalld():
    found = desired(["nomad-client"], "user", "load-balancer", "transit")
    assert all(len(name) <= 17 for name in (*found["zones"], *found["policies"]))
