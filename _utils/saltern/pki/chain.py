"""Is this certificate what it should be? Answers are lists of problems; an empty one means yes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from saltern.errors import CertificateError

# What `cryptography` raises when it looks into a certificate or request that others made.
UNREADABLE = (
    ValueError,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)


def now() -> datetime:
    """The present in UTC; certificates know nothing else."""
    return datetime.now(UTC)


def parse(pem: str | bytes, what: str) -> list[x509.Certificate]:
    """The certificates of a PEM text, in its order.

    :param what: whose text this is, for the error.
    :raises CertificateError: when there is none or one is broken.
    """
    try:
        return x509.load_pem_x509_certificates(pem.encode() if isinstance(pem, str) else pem)
    except ValueError as error:
        raise CertificateError(f"{what} holds no readable certificate: {error}") from error


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, in upper-case pairs, as ``openssl x509 -fingerprint -sha256`` prints it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def names(certificate: x509.Certificate) -> tuple[frozenset[str], frozenset[str]]:
    """The DNS names and the IP addresses that the certificate stands for; other kinds of names do not count."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except UNREADABLE:
        return frozenset(), frozenset()
    addresses = found.get_values_for_type(x509.IPAddress)
    return frozenset(found.get_values_for_type(x509.DNSName)), frozenset(str(address) for address in addresses)


def carries(certificate: x509.Certificate, name: str) -> bool:
    """Whether ``name`` (a DNS name or an IP address) is among its names; wildcards are never honoured."""
    dns, addresses = names(certificate)
    try:
        return str(ip_address(name)) in addresses
    except ValueError:
        return name.lower() in {one.lower() for one in dns}


def problems(chain: list[x509.Certificate], trusted: Sequence[x509.Certificate], at: datetime) -> list[str]:
    """What is wrong with a chain (leaf first, then intermediates) under the ``trusted`` roots at the time ``at``.

    Every link is checked: signature, issuer's name, the issuer's right to sign, and validity in time. The root
    itself may stand at the chain's end, as some servers send it. One root under which nothing is wrong is enough;
    else the problems are those under the root that is nearest.
    """
    found = [_problems([one for one in chain if one not in trusted], root, at) for root in trusted]
    return min(found, key=len, default=["no root is trusted"])


def _problems(chain: list[x509.Certificate], root: x509.Certificate, at: datetime) -> list[str]:
    path = [*chain, root]
    found = [text for one in path for text in time_problems(one, at)]
    for certificate, issuer in itertools.pairwise(path):
        if not issued_by(certificate, issuer):
            found.append(f"{_named(certificate)} is not signed by {_named(issuer)}")
        elif not may_sign(issuer):
            found.append(f"{_named(issuer)} may not sign certificates")
    if len(path) == 1:
        found.append("there is no leaf")
    elif _is_ca(path[0]):
        found.append(f"{_named(path[0])} is no leaf, but a certificate authority")
    return found


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key signed the certificate and the names agree."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*UNREADABLE, TypeError, InvalidSignature):
        return False
    return True


def usages(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier]:
    """Its extended key usages; none where it has none."""
    try:
        return frozenset(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except UNREADABLE:
        return frozenset()


def holds(certificate: x509.Certificate, public_key: ec.EllipticCurvePublicKey) -> bool:
    """Whether the certificate is for this key."""
    try:
        return certificate.public_key() == public_key
    except UNREADABLE:
        return False


def time_problems(certificate: x509.Certificate, at: datetime) -> list[str]:
    """Whether the certificate is valid at the time ``at``."""
    if at < certificate.not_valid_before_utc:
        return [f"{_named(certificate)} is not valid before {certificate.not_valid_before_utc:%F %TZ}"]
    if at > certificate.not_valid_after_utc:
        return [f"{_named(certificate)} expired at {certificate.not_valid_after_utc:%F %TZ}"]
    return []


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether the certificate is an authority's."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except UNREADABLE:
        return False
    return usage.key_cert_sign and _is_ca(certificate)


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except UNREADABLE:
        return False


def _named(certificate: x509.Certificate) -> str:
    try:
        return f"`{certificate.subject.rfc4514_string()}`"
    except ValueError:
        return "a certificate with an unreadable subject"
