"""Leaves: how a root signs one, and how the node that asked for it checks what it got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from saltern.errors import CertificateError
from saltern.pki import chain, issuers, usages
from saltern.pki.csr import Judged
from saltern.pki.entitlements import CertificateSpec
from saltern.pki.issuers import BACKDATED
from saltern.pki.roots import Root


@dataclass(frozen=True)
class Issued:
    """A signed leaf. ``pem`` is the leaf, followed by intermediates where its root has any."""

    certificate: x509.Certificate
    pem: str


class Terms(Protocol):
    """What a leaf is for and how long it lives: a node's specification, or a profile."""

    @property
    def usages(self) -> tuple[str, ...]:
        """By the names in ``saltern.pki.usages``."""

    @property
    def lifetime(self) -> int:
        """In seconds."""


def sign(root: Root, judged: Judged, terms: Terms, at: datetime | None = None) -> Issued:
    """A leaf for what the check of the request let through.

    :param at: the present; only tests give another.
    :raises CertificateError: when the root itself is not valid any more.
    """
    at = at or chain.now()
    if wrong := chain.time_problems(root.certificate, at):
        raise CertificateError(f"Root {root.name} cannot sign: {wrong[0]}.", cure="replace the root.")
    end = min(at + timedelta(seconds=terms.lifetime), root.certificate.not_valid_after_utc)
    curve = isinstance(judged.public_key, ec.EllipticCurvePublicKey)
    builder = (
        _begun(root.certificate, terms.usages, curve=curve)
        .subject_name(judged.subject)
        .public_key(judged.public_key)
        .serial_number(x509.random_serial_number())  # 159 random bits: positive, within RFC 5280's 20 octets
        .not_valid_before(max(at - BACKDATED, root.certificate.not_valid_before_utc))
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(judged.public_key), critical=False)
    )
    if judged.dns or judged.ip:
        builder = builder.add_extension(_names(judged), critical=not len(judged.subject.rdns))
    certificate = builder.sign(root.key, hashes.SHA256())
    return Issued(certificate, certificate.public_bytes(serialization.Encoding.PEM).decode() + root.intermediates)


def problems(
    certificates: list[x509.Certificate],
    spec: CertificateSpec,
    trusted: Sequence[x509.Certificate],
    public_key: ec.EllipticCurvePublicKey,
    at: datetime | None = None,
) -> list[str]:
    """Why a certificate (leaf first, then intermediates) is not the one that ``spec`` describes for this key."""
    if not certificates:
        return ["there is no certificate"]
    found = chain.problems(certificates, trusted, at or chain.now())
    if not chain.holds(certificates[0], public_key):
        found.append("it belongs to another key")
    return found + differences(certificates[0], spec)


def differences(certificate: x509.Certificate, spec: CertificateSpec) -> list[str]:
    """How a leaf's names and usages differ from what ``spec`` describes."""
    found = []
    common = [attribute.value for attribute in certificate.subject]
    if common != [spec.common_name]:
        found.append(f"its subject is not CN={spec.common_name}")
    dns, addresses = chain.names(certificate)
    lacking = sorted((set(spec.dns) - dns) | (set(spec.ip) - addresses))
    beyond = sorted((dns - set(spec.dns)) | (addresses - set(spec.ip)))
    if lacking:
        found.append(f"it lacks the names {', '.join(lacking)}")
    if beyond:
        found.append(f"it has foreign names {', '.join(beyond)}")
    if chain.usages(certificate) != set(usages.extended(spec.usages)):
        found.append(f"its usages are not those of profile {spec.profile}")
    return found


@lru_cache(maxsize=256)
def _begun(issuer: x509.Certificate, names: tuple[str, ...], *, curve: bool) -> x509.CertificateBuilder:
    """What all leaves of an issuer and these usages have in common; a builder never changes, so it is made once."""
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages.extended(names)), critical=False)
        .add_extension(issuers.key_identifier(issuer), critical=False)
    )
    usage = usages.key_usage(names, curve=curve)
    return builder.add_extension(usage, critical=True) if usage else builder


def _names(judged: Judged) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in judged.dns]
    return x509.SubjectAlternativeName([*names, *(x509.IPAddress(ip_address(text)) for text in judged.ip)])
