"""Leaves: how a root signs one, and how the node that asked for it checks what it got."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from saltern.errors import CertificateError
from saltern.pki import chain
from saltern.pki.csr import Judged
from saltern.pki.entitlements import CertificateSpec
from saltern.pki.roots import BACKDATED, Root, key_usage

USAGES: dict[str, tuple[x509.ObjectIdentifier, ...]] = {
    # Servers of one quorum are each other's clients, so theirs is for both.
    "peer": (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    "server": (ExtendedKeyUsageOID.SERVER_AUTH,),
    "client": (ExtendedKeyUsageOID.CLIENT_AUTH,),
}


@dataclass(frozen=True)
class Issued:
    """A signed leaf. ``pem`` is the leaf, followed by intermediates where its root has any."""

    certificate: x509.Certificate
    pem: str


def sign(root: Root, judged: Judged, spec: CertificateSpec, at: datetime | None = None) -> Issued:
    """A leaf for what the check of the request let through.

    :param at: the present; only tests give another.
    :raises CertificateError: when the root itself is not valid any more.
    """
    at = at or chain.now()
    if wrong := chain.time_problems(root.certificate, at):
        raise CertificateError(f"Root {root.name} cannot sign: {wrong[0]}.", cure="replace the root.")
    end = min(at + timedelta(seconds=spec.lifetime), root.certificate.not_valid_after_utc)
    usages = x509.ExtendedKeyUsage(USAGES[spec.profile])
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, judged.common_name)]))
        .issuer_name(root.certificate.subject)
        .public_key(judged.public_key)
        .serial_number(x509.random_serial_number())  # 159 random bits: positive, within RFC 5280's 20 octets
        .not_valid_before(max(at - BACKDATED, root.certificate.not_valid_before_utc))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(sign_certificates=False), critical=True)
        .add_extension(usages, critical=False)
        .add_extension(_names(judged), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(judged.public_key), critical=False)
        .add_extension(_authority(root), critical=False)
    )
    certificate = builder.sign(root.key, hashes.SHA256())
    return Issued(certificate, certificate.public_bytes(serialization.Encoding.PEM).decode())


def problems(
    certificates: list[x509.Certificate],
    spec: CertificateSpec,
    root: x509.Certificate,
    public_key: ec.EllipticCurvePublicKey,
    at: datetime | None = None,
) -> list[str]:
    """Why a certificate (leaf first, then intermediates) is not the one that ``spec`` describes for this key."""
    if not certificates:
        return ["there is no certificate"]
    found = chain.problems(certificates, root, at or chain.now())
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
    if chain.usages(certificate) != set(USAGES[spec.profile]):
        found.append(f"its usages are not those of profile {spec.profile}")
    return found


def _names(judged: Judged) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in judged.dns]
    return x509.SubjectAlternativeName([*names, *(x509.IPAddress(ip_address(text)) for text in judged.ip)])


def _authority(root: Root) -> x509.AuthorityKeyIdentifier:
    identifier = root.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
