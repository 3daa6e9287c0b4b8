"""What salt-cloud is told, from the definition."""

import dataclasses
from ipaddress import ip_network

import pytest
import yaml

from saltern import cloudconfig
from saltern.errors import SalternError
from saltern.model import Custody, Definition, Group, Size, Zone

DEFINITION = Definition(
    name="lab",
    datacenter="dc1",
    region="global",
    provider="lab",
    address_families=("ipv4", "ipv6"),
    seal="transit",
    latency_profile="lan",
    custody=Custody(3, ("ada",)),
    versions={},
    zones={"core": Zone("core", "core", (ip_network("10.99.0.0/25"), ip_network("fd5a:99::/80")))},
    sizes={"small": Size("small", 2, 1 << 30, 8 << 30)},
    groups={
        "support": Group("support", ("support",), "core", "general", 1, "small", "base"),
        "server": Group("server", ("consul-server", "vault"), "core", "general", 3, "small", "base"),
    },
    leaf_lifetime=1,
    tolerated_support_outage=1,
    maximum_clock_skew=1,
)


def test_each_group_but_support_has_a_profile():
    assert cloudconfig.profiles(DEFINITION, "10.99.0.10") == {
        "server": {
            "provider": "saltern",
            "image": "base",
            "size": "small",
            "resources": {"cpus": 2, "memory": 1 << 30, "disk": 8 << 30},
            "networks": ["10.99.0.0/25", "fd5a:99::/80"],
            "deploy": False,
            "minion": {
                "master": "10.99.0.10",
                "grains": {"role": ["consul-server", "vault"], "zone": "core", "node_class": "general"},
            },
        }
    }


@pytest.mark.parametrize(
    ("families", "networks", "ipv6"),
    [(("ipv4",), ["10.99.0.0/25"], None), (("ipv6",), ["fd5a:99::/80"], True)],
)
def test_a_node_gets_networks_of_the_declared_families_only(families, networks, ipv6):
    profile = cloudconfig.profiles(dataclasses.replace(DEFINITION, address_families=families), "m")["server"]
    assert profile["networks"] == networks
    assert profile["minion"].get("ipv6") is ipv6


def test_the_files_are_yaml_of_the_same_content():
    files = cloudconfig.files(DEFINITION, "10.99.0.10")
    assert yaml.safe_load(files["cloud.profiles.d/saltern.conf"]) == cloudconfig.profiles(DEFINITION, "10.99.0.10")
    provider = yaml.safe_load(files["cloud.providers.d/saltern.conf"])["saltern"]
    assert provider["driver"] == "lab"
    assert provider["enrolment_expiry"] > 0


def test_a_provider_without_a_driver_is_named():
    with pytest.raises(SalternError, match="openstack"):
        cloudconfig.provider(dataclasses.replace(DEFINITION, provider="openstack"))
