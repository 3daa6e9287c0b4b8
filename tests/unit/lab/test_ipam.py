"""Addresses of the lab's nodes."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from saltern.errors import LabError
from saltern_lab import ipam

CORE = ["10.99.0.0/25", "fd5a:99:0:0:0::/80"]
USER = ["10.99.0.128/25", "fd5a:99:0:0:1::/80"]


def texts(addresses: dict[int, ipam.Address]) -> dict[int, str]:
    return {family: str(address) for family, address in addresses.items()}


def test_the_support_server_has_fixed_addresses_of_the_families_that_are_asked_for():
    assert texts(ipam.allocate("support", ipam.parse(CORE), [])) == {4: "10.99.0.10", 6: "fd5a:99::10"}
    assert texts(ipam.allocate("support", ipam.parse(CORE[:1]), [])) == {4: "10.99.0.10"}


def test_the_first_free_address_leaves_out_gateway_and_support():
    used = [ip_address(f"10.99.0.{number}") for number in range(2, 10)]
    assert texts(ipam.allocate("server-a", ipam.parse(CORE), used)) == {4: "10.99.0.11", 6: "fd5a:99::2"}
    assert texts(ipam.allocate("server-a", ipam.parse(CORE), [])) == {4: "10.99.0.2", 6: "fd5a:99::2"}


def test_an_address_that_became_free_is_given_again():
    used = [ip_address("10.99.0.129"), ip_address("10.99.0.131")]
    assert texts(ipam.allocate("general-a", ipam.parse(USER), used))[4] == "10.99.0.130"


def test_a_full_network_is_an_error():
    networks = ipam.parse(["10.99.0.128/30"])
    with pytest.raises(LabError, match="no free address"):
        ipam.allocate("general-a", networks, [ip_address("10.99.0.129"), ip_address("10.99.0.130")])


@pytest.mark.parametrize(
    ("networks", "text"),
    [
        (None, "No networks"),
        ([], "No networks"),
        (["10.99.0.0/33"], "is no network"),
        (["10.99.0.1/25"], "is no network"),
        (["192.168.0.0/24"], "outside the lab's network"),
        (["10.99.0.0/16"], "is no network|outside"),
        (["10.99.0.0/25", "10.99.0.128/25"], "two IPv4 networks"),
    ],
)
def test_networks_that_cannot_be_served_are_refused(networks, text):
    with pytest.raises(LabError, match=text):
        ipam.parse(networks)
