"""Which TLS ports a node serves, under which root and names, and to whom. Pure.

The RPC ports speak TLS only after a byte that chooses the protocol. Vault's cluster port (8201) is not here: it serves
a certificate that Vault makes for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from saltern.firewall.ports import CA_PORT, STORE_PORT
from saltern.model import Node
from saltern.pki.tls_probe import CONSUL_RPC, NOMAD_RPC

CONSUL_PLAIN_HTTP = 8500  # Consul's default, which the configuration closes


class Site(Protocol):
    """What of the definition decides ports and names; the definition itself, or what a node's pillar has of it."""

    @property
    def datacenter(self) -> str:
        """Consul's."""

    @property
    def region(self) -> str:
        """Nomad's."""

    @property
    def seal(self) -> str:
        """``transit`` or ``shamir``."""


@dataclass(frozen=True)
class TlsPort:
    """A port that serves TLS.

    :param label: what it is, for a sentence.
    :param names: what its certificate must carry, besides the node's address.
    :param preamble: what it wants before TLS.
    :param mutual: whether it must refuse a client without a certificate.
    :param http: whether it speaks HTTP inside TLS.
    :param application: whose certificate it serves, where that is not called as the root is.
    """

    number: int
    label: str
    root: str
    names: tuple[str, ...] = ()
    preamble: bytes = b""
    mutual: bool = False
    http: bool = True
    application: str = ""

    @property
    def certificate(self) -> str:
        """``application/name`` of the certificate that is served here."""
        return f"{self.application or self.root}/{self.root}"


def tls_ports(node: Node, definition: Site) -> tuple[TlsPort, ...]:
    """The TLS ports that ``node`` must serve."""
    return tuple(_ports(node, definition))


def _ports(node: Node, definition: Site) -> Iterator[TlsPort]:
    if node.has("consul-server"):
        name = f"server.{definition.datacenter}.consul"
        yield TlsPort(8300, "Consul's RPC", "consul", (name,), CONSUL_RPC, mutual=True, http=False)
        yield TlsPort(8501, "Consul's API", "consul", (name,))
        yield TlsPort(8503, "Consul's gRPC", "consul", (name,), http=False)
    else:
        yield TlsPort(8501, "Consul's API", "consul", (f"client.{definition.datacenter}.consul",))
    if node.has("vault"):
        yield TlsPort(8200, "Vault's API", "vault", ("vault.service.consul", "active.vault.service.consul"))
    elif node.has("support") and definition.seal == "transit":
        yield TlsPort(8200, "the transit Vault's API", "vault")
    if node.has("nomad-server"):
        name = f"server.{definition.region}.nomad"
        yield TlsPort(4646, "Nomad's API", "nomad", (name,))
        yield TlsPort(4647, "Nomad's RPC", "nomad", (name,), NOMAD_RPC, mutual=True, http=False)
    elif node.has("nomad-client"):
        yield TlsPort(4646, "Nomad's API", "nomad", (f"client.{definition.region}.nomad",))
    if node.has("support"):
        yield TlsPort(STORE_PORT, "the artifact store", "support")
        yield TlsPort(CA_PORT, "the authority's door", "support", application="ca")
