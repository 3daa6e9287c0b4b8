"""Which addresses a new node gets: the first free one of each network that is passed with it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from saltern.errors import LabError
from saltern_lab.settings import GATEWAYS, NETWORKS, SUPPORT, SUPPORT_ADDRESSES

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parse(networks: object) -> dict[int, Network]:
    """The networks of a request by address family, each inside the lab's own network of that family."""
    if not isinstance(networks, list) or not networks:
        raise LabError("No networks are given.", cure="Pass one IPv4 network, one IPv6 network or both.")
    found: dict[int, Network] = {}
    for text in networks:
        try:
            network = ip_network(str(text))
        except ValueError as error:
            raise LabError(f"{text!r} is no network: {error}.", cure="Write it like 10.99.0.0/25.") from error
        family = network.version
        if family in found:
            raise LabError(f"There are two IPv{family} networks.", cure="Pass one of each family.")
        if not network.subnet_of(NETWORKS[family]):  # type: ignore[arg-type]
            raise LabError(
                f"{network} lies outside the lab's network {NETWORKS[family]}.",
                cure=f"Choose zone networks inside {NETWORKS[family]}.",
            )
        found[family] = network
    return found


def allocate(name: str, networks: dict[int, Network], used: Iterable[Address]) -> dict[int, Address]:
    """The addresses of node ``name`` by family; the support node's are fixed, gateways stay free."""
    if name == SUPPORT:
        return {family: SUPPORT_ADDRESSES[family] for family in networks}
    taken = {*used, *GATEWAYS.values(), *SUPPORT_ADDRESSES.values()}
    return {family: _first_free(network, taken) for family, network in networks.items()}


def _first_free(network: Network, taken: set[Address]) -> Address:
    for address in network.hosts():
        if address not in taken and address != network.network_address:
            return address
    raise LabError(f"{network} has no free address.", cure="Destroy a node or use a larger network.")
