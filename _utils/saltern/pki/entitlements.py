"""What a node may hold. The registry and the definition decide; nothing that a node says about itself does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Any, TypeAlias

from saltern.errors import CertificateError
from saltern.model import Definition, Node
from saltern.pki.profiles import Profile
from saltern.pki.usages import USAGES

Profiles: TypeAlias = Mapping[str, Profile]
KEY_MODE = 0o400
CLI_KEY_MODE = 0o440  # people of the application's group use it from their command line
CERTIFICATE_MODE = 0o644
USERS = {"ca": "saltern-ca-http"}  # of applications that are not called as their user is


@dataclass(frozen=True)
class CertificateSpec:
    """One certificate that a node is entitled to, and how it lies on the node.

    :param application: whose it is: ``/etc/ssl/<application>/<name>.pem`` and ``<name>-key.pem``.
    :param root: the root that issues it.
    :param profile: one of ``pillar/pki/profiles.yaml``; ``usages`` are its usages.
    :param user: owner of both files; ``group`` is their group.
    :param dns: every DNS name that it may carry; ``ip`` likewise, as canonical text.
    :param lifetime: in seconds.
    """

    application: str
    name: str
    root: str
    profile: str
    usages: tuple[str, ...]
    user: str
    group: str
    common_name: str
    dns: tuple[str, ...]
    ip: tuple[str, ...]
    lifetime: int

    @property
    def label(self) -> str:
        """``application/name``: what it is called in requests, answers and changes."""
        return f"{self.application}/{self.name}"

    @property
    def key_mode(self) -> int:
        """The mode of its key file."""
        return CLI_KEY_MODE if self.name == "cli" else KEY_MODE

    def as_pillar(self) -> dict[str, Any]:
        """Plain data for the pillar; :func:`from_pillar` is the way back."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def from_pillar(data: dict[str, Any]) -> CertificateSpec:
    """The specification that ``as_pillar`` wrote.

    :raises CertificateError: when a key is missing, unknown or of the wrong type.
    """
    try:
        spec = CertificateSpec(**{**data, **{key: tuple(data[key]) for key in ("usages", "dns", "ip")}})
    except (TypeError, KeyError) as error:
        raise CertificateError(
            f"The pillar describes a certificate wrongly: {error}",
            cure="compare pillar saltern:certificates with the version of Saltern on the support server.",
        ) from error
    plain = (spec.application, spec.name, spec.root, spec.profile, spec.user, spec.group, spec.common_name)
    readable = all(isinstance(text, str) and text and "/" not in text for text in plain)
    if not readable or not spec.usages or not set(spec.usages) <= set(USAGES):
        raise CertificateError(
            f"The pillar describes certificate {spec.application}/{spec.name} wrongly.",
            cure="run saltutil.refresh_pillar, then the same state again.",
        )
    return spec


def certificates(node: Node, definition: Definition, profiles: Profiles) -> tuple[CertificateSpec, ...]:
    """Everything that ``node`` may hold, sorted by application and name.

    ``server.<dc>.consul`` and ``server.<region>.nomad`` make a server of whoever holds them, so only the
    certificate with which a server of that service itself works carries one.
    """
    found = [
        *_consul(node, definition, profiles),
        *_vault(node, definition, profiles),
        *_nomad(node, definition, profiles),
    ]
    found += _support(node, definition, profiles)
    return tuple(sorted(found, key=lambda spec: (spec.application, spec.name)))


def _consul(node: Node, definition: Definition, profiles: Profiles) -> Iterator[CertificateSpec]:
    """Every node runs a Consul agent."""
    names = [f"client.{definition.datacenter}.consul"]
    if node.has("consul-server"):
        names = [f"server.{definition.datacenter}.consul", "consul.service.consul"]
    yield _spec(node, definition, profiles["peer"], "consul", "consul", names)


def _vault(node: Node, definition: Definition, profiles: Profiles) -> Iterator[CertificateSpec]:
    """Servers of the cluster's Vault, and the support server where it runs the transit Vault."""
    transit = node.has("support") and definition.seal == "transit"
    if not node.has("vault") and not transit:
        return
    yield _spec(node, definition, profiles["client"], "vault", "consul", [f"client.{definition.datacenter}.consul"])
    served = ["vault.service.consul", "active.vault.service.consul", "standby.vault.service.consul"]
    yield _spec(node, definition, profiles["peer"], "vault", "vault", served if node.has("vault") else [])


def _nomad(node: Node, definition: Definition, profiles: Profiles) -> Iterator[CertificateSpec]:
    """Servers and clients of Nomad: their own certificate, the two that they present elsewhere, the command line's."""
    names = []
    if node.has("nomad-server"):
        names += [f"server.{definition.region}.nomad", "nomad.service.consul"]
    if node.has("nomad-client"):
        names += [f"client.{definition.region}.nomad"]
    if not names:
        return
    yield _spec(node, definition, profiles["peer"], "nomad", "nomad", names)
    yield _spec(node, definition, profiles["client"], "nomad", "consul", [f"client.{definition.datacenter}.consul"])
    yield _spec(node, definition, profiles["client"], "nomad", "vault", [])
    yield _spec(node, definition, profiles["cli"], "nomad", "cli", [f"cli.{definition.region}.nomad"])


def _support(node: Node, definition: Definition, profiles: Profiles) -> Iterator[CertificateSpec]:
    """The support server's own HTTPS: the artifact store, and the authority's door for clients outside Salt."""
    if node.has("support"):
        yield _spec(node, definition, profiles["server"], "support", "support", ["support"])
        yield _spec(node, definition, profiles["server"], "ca", "support", ["support"])


def _spec(
    node: Node, definition: Definition, profile: Profile, application: str, name: str, names: list[str]
) -> CertificateSpec:
    # A Nomad client needs root for its tasks' isolation, and nginx reads its key before it drops root.
    as_root = application == "support" or (application == "nomad" and node.has("nomad-client"))
    owner = "root" if as_root else USERS.get(application, application)
    return CertificateSpec(
        application=application,
        name=name,
        root="nomad" if name == "cli" else name,
        profile=profile.name,
        usages=profile.usages,
        user=owner,
        group=owner,
        common_name=node.id,
        dns=tuple(dict.fromkeys([*names, node.id, "localhost"])),
        ip=tuple(dict.fromkeys(str(ip_address(text)) for text in ("127.0.0.1", "::1", *node.addresses))),
        lifetime=profile.lifetime or definition.leaf_lifetime,
    )
