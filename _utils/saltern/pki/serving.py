"""Which process holds which file of a node, and what makes it take a new one. Pure.

``docs/reference/certificates.md`` prints this table and says how it was tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from saltern.model import ROLES, Node
from saltern.pki.ports import Site, TlsPort, tls_ports


class Effect(IntEnum):
    """What makes a process take a new file; the greater one includes the lesser."""

    NONE = 0
    RELOAD = 1  # SIGHUP
    RESTART = 2


@dataclass(frozen=True)
class Use:
    """A file as one process uses it.

    :param file: ``application/name``: a certificate with its key, or with ``-ca`` at its end what is trusted.
    :param unit: of systemd; empty where no process holds the file.
    :param roles: on nodes with one of these.
    :param why: for the reader.
    :param seals: with these kinds of seal.
    """

    file: str
    unit: str
    roles: tuple[str, ...]
    effect: Effect
    why: str
    seals: tuple[str, ...] = ("transit", "shamir")


_NOMAD = ("nomad-server", "nomad-client")
_VAULT = ("vault", "support")
USES = (
    Use("consul/consul", "consul", ROLES, Effect.RELOAD, "all its ports, and what it shows to other agents"),
    Use("consul/consul-ca", "consul", ROLES, Effect.RELOAD, "both directions of its RPC"),
    Use("vault/vault", "vault", _VAULT, Effect.RELOAD, "its listener"),
    Use("vault/consul", "", _VAULT, Effect.NONE, "its configuration shows it to nobody: Consul asks for a token"),
    Use("vault/consul-ca", "vault", ("vault",), Effect.RESTART, "its Consul storage builds TLS once, at start"),
    Use("vault/vault-ca", "vault", ("vault",), Effect.RESTART, "its seal builds TLS once, at start", ("transit",)),
    Use("vault/vault-ca", "", ("vault",), Effect.NONE, "with this seal no Vault asks another", ("shamir",)),
    Use("vault/consul-ca", "", ("support",), Effect.NONE, "the transit Vault has a storage of its own"),
    Use("vault/vault-ca", "", ("support",), Effect.NONE, "the transit Vault asks no other"),
    Use("nomad/nomad", "nomad", _NOMAD, Effect.RELOAD, "API and RPC"),
    Use("nomad/nomad-ca", "nomad", _NOMAD, Effect.RELOAD, "both directions of its RPC"),
    Use("nomad/consul", "nomad", _NOMAD, Effect.RESTART, "its clients of Consul are built once, at start"),
    Use("nomad/consul-ca", "nomad", _NOMAD, Effect.RESTART, "its clients of Consul are built once, at start"),
    Use(
        "nomad/vault",
        "",
        _NOMAD,
        Effect.NONE,
        "its configuration shows it to nobody: jobs prove themselves by identity",
    ),
    Use("nomad/vault-ca", "nomad", ("nomad-client",), Effect.RESTART, "its client of Vault is built once, at start"),
    Use("nomad/vault-ca", "", ("nomad-server",), Effect.NONE, "servers of Nomad do not ask Vault"),
    Use("nomad/cli", "", _NOMAD, Effect.NONE, "read by each command"),
    Use("support/support", "nginx", ("support",), Effect.RELOAD, "the artifact store"),
    Use("support/support-ca", "", ("support",), Effect.NONE, "for people"),
    Use("ca/support", "saltern-ca-http", ("support",), Effect.RESTART, "the door for clients reads it once, at start"),
    Use("ca/support-ca", "", ("support",), Effect.NONE, "for people"),
)
UNITS = (
    "consul",
    "vault",
    "nomad",
    "nginx",
    "saltern-ca-http",
)  # in this order they are brought up to date: each asks those before it
TITLES = {
    "consul": "Consul",
    "vault": "Vault",
    "nomad": "Nomad",
    "nginx": "nginx",
    "saltern-ca-http": "the authority's door",
}


@dataclass(frozen=True)
class Finding:
    """What is not as it should be on a node.

    :param kind: ``expiring``, ``wrong-root``, ``invalid``, ``access``, ``trust``; ``served`` (a port serves another
        certificate than the file), ``unread`` (a process is older than its file), ``silent`` (a port gives no answer).
    :param subject: the certificate, file or unit.
    :param effect: what its unit needs; nothing where the files come first.
    """

    kind: str
    subject: str
    reason: str
    unit: str = ""
    effect: Effect = Effect.NONE

    def data(self) -> dict[str, str]:
        """Plain data."""
        return {"kind": self.kind, "subject": self.subject, "reason": self.reason}


def uses(node: Node, site: Site) -> tuple[Use, ...]:
    """The files that processes of ``node`` hold."""
    return tuple(use for use in USES if use.unit and site.seal in use.seals and any(map(node.has, use.roles)))


def ports(node: Node, site: Site, unit: str) -> tuple[TlsPort, ...]:
    """The ports at which ``unit`` serves a certificate on ``node``."""
    mine = {use.file for use in uses(node, site) if use.unit == unit}
    return tuple(port for port in tls_ports(node, site) if port.certificate in mine)


def unread(use: Use, changed: float, read: Mapping[Effect, float]) -> list[Finding]:
    """Whether the process still works with the former file.

    :param changed: when the file changed, Unix time.
    :param read: when the unit last started (``RESTART``) and last started or reloaded (``RELOAD``), Unix times.
    """
    if use.effect is Effect.NONE or changed <= read[use.effect]:
        return []
    verb = "started" if use.effect is Effect.RESTART else "reloaded"
    return [Finding("unread", use.file, f"{TITLES[use.unit]} was last {verb} before it changed", use.unit, use.effect)]


def needed(findings: Iterable[Finding], unit: str) -> Effect:
    """What ``unit`` needs, by everything that was found."""
    return max((one.effect for one in findings if one.unit == unit), default=Effect.NONE)


def restart_seals(node: Node, site: Site, unit: str) -> bool:
    """Whether a restart would leave a Vault sealed until operators come."""
    return unit == "vault" and (node.has("support") or site.seal == "shamir")
