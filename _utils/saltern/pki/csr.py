"""Certificate signing requests: made on the node with its own key, judged strictly where they are signed."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias, TypeGuard

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from saltern.errors import SigningRefused
from saltern.pki import chain
from saltern.pki.entitlements import CertificateSpec

MAXIMUM_SIZE = 8192  # characters of PEM; a P-256 request with 20 names has about 1,200
MAXIMUM_NAMES = 64
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
RSA_SIZES = range(2048, 4097)  # bits; SP 800-57 asks for the least, the most keeps a check quick
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)  # P-256 or stronger, as FIPS 186-5 names them
HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
EXTENSION_REQUEST = x509.ObjectIdentifier("1.2.840.113549.1.9.14")  # RFC 2985 section 5.4.2
_PEM = re.compile(
    r"-----BEGIN CERTIFICATE REQUEST-----\n([A-Za-z0-9+/\n]+={0,2})\n-----END CERTIFICATE REQUEST-----\n?"
)


@dataclass(frozen=True)
class Judged:
    """What is signed: only what the check has looked at, never the request itself."""

    public_key: PublicKey
    subject: x509.Name
    dns: tuple[str, ...]
    ip: tuple[str, ...]


def make_key() -> ec.EllipticCurvePrivateKey:
    """A new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as an unencrypted PKCS #8 file: the services cannot open any other."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make(key: ec.EllipticCurvePrivateKey, spec: CertificateSpec) -> str:
    """The request, as PEM, for the certificate that ``spec`` describes."""
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in spec.dns]
    names += [x509.IPAddress(ip_address(text)) for text in spec.ip]
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name_of(spec.common_name))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM).decode()


def name_of(common_name: str) -> x509.Name:
    """A subject that is a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def judge(text: object, spec: CertificateSpec) -> Judged:
    """What may be signed of a request, or the reason why nothing may.

    Only this passes: a P-256 or stronger key that signed the request itself with SHA-2, the common name of the
    entitlement alone as subject, and no attribute or extension but alternative names that are all in it.

    :param text: the request as PEM, as the caller sent it.
    :param spec: what the caller is entitled to.
    :raises SigningRefused: with the reason; texts of the request are quoted and cut.
    """
    request = parse(text)
    try:
        public_key = judge_key(request)
        _judge_subject(request, spec)
        dns, ip = _judge_names(request, spec)
    except (*chain.UNREADABLE, TypeError) as error:
        raise SigningRefused(f"the request cannot be read: {quoted(error)}") from error
    return Judged(public_key, name_of(spec.common_name), dns, ip)


def parse(text: object) -> x509.CertificateSigningRequest:
    """The request in a PEM text of a size that a request can have.

    :raises SigningRefused: when it is anything else.
    """
    if not isinstance(text, str):
        raise SigningRefused("the request is no text")
    if len(text) > MAXIMUM_SIZE:
        raise SigningRefused(f"the request has {len(text)} characters, at most {MAXIMUM_SIZE} are read")
    match = _PEM.fullmatch(text)
    if not match:
        raise SigningRefused("the request is not exactly one PEM block CERTIFICATE REQUEST")
    try:
        return x509.load_der_x509_csr(base64.b64decode(match[1].replace("\n", ""), validate=True))
    except (*chain.UNREADABLE, binascii.Error) as error:
        raise SigningRefused("the request cannot be read") from error


def judge_key(request: x509.CertificateSigningRequest, *, rsa_too: bool = False) -> PublicKey:
    """The key of the request, strong enough and proved to be the asker's by the request's own signature.

    :param rsa_too: whether an RSA key may be; nodes make elliptic-curve keys.
    :raises SigningRefused: when it is not.
    """
    key = request.public_key()
    if not _is_strong(key, rsa_too=rsa_too):
        raise SigningRefused(
            "the key must be an elliptic-curve key on P-256, P-384 or P-521"
            + (f", or an RSA key of {min(RSA_SIZES)} to {max(RSA_SIZES)} bits" if rsa_too else "")
        )
    if not isinstance(request.signature_hash_algorithm, HASHES):
        raise SigningRefused("the request must be signed with SHA-256, SHA-384 or SHA-512")
    try:
        valid = request.is_signature_valid
    except InvalidSignature:
        valid = False
    if not valid:
        raise SigningRefused("the request was not signed by its own key")
    return key


def _judge_subject(request: x509.CertificateSigningRequest, spec: CertificateSpec) -> None:
    found = [(attribute.oid, attribute.value) for attribute in request.subject]
    if found != [(NameOID.COMMON_NAME, spec.common_name)]:
        raise SigningRefused(
            f"the subject must be CN={spec.common_name} alone, not {quoted(request.subject.rfc4514_string())}"
        )


def proved_key(text: object) -> PublicKey:
    """The key of a request of which nothing else counts.

    :raises SigningRefused: as :func:`judge_key`, or when the request cannot be read.
    """
    request = parse(text)
    try:
        return judge_key(request)
    except (*chain.UNREADABLE, TypeError) as error:
        raise SigningRefused(f"the request cannot be read: {quoted(error)}") from error


def names_in(request: x509.CertificateSigningRequest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The DNS names and the addresses that a request asks for; none where it names none.

    :raises SigningRefused: when it asks for another extension, another kind of name, or for more than there may be.
    """
    if [attribute.oid for attribute in request.attributes] not in ([], [EXTENSION_REQUEST]):
        raise SigningRefused("the request must hold the attribute extensionRequest once at most, and no other")
    extensions = list(request.extensions)
    for extension in extensions:
        if not isinstance(extension.value, x509.SubjectAlternativeName):
            raise SigningRefused(f"the request asks for the extension {extension.oid.dotted_string}, only names may be")
    names = list(extensions[0].value) if extensions else []
    if len(names) > MAXIMUM_NAMES:
        raise SigningRefused(f"the request holds {len(names)} alternative names, {MAXIMUM_NAMES} may be")
    dns: list[str] = []
    ip: list[str] = []
    for name in names:
        if isinstance(name, x509.DNSName):
            dns.append(name.value)
        elif isinstance(name, x509.IPAddress) and isinstance(name.value, IPv4Address | IPv6Address):
            ip.append(str(name.value))
        else:
            raise SigningRefused(f"the request holds a name that is no DNS name and no address: {quoted(name)}")
    return tuple(dict.fromkeys(dns)), tuple(dict.fromkeys(ip))


def _judge_names(
    request: x509.CertificateSigningRequest, spec: CertificateSpec
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    dns, ip = names_in(request)
    if not dns and not ip:
        raise SigningRefused("the request names no alternative names")
    for name in dns:
        if "*" in name:
            raise SigningRefused(f"wildcards are never signed: {quoted(name)}")
        if name not in spec.dns:
            raise SigningRefused(f"the node is not entitled to the name {quoted(name)}")
    for address in ip:
        if address not in spec.ip:
            raise SigningRefused(f"the node is not entitled to the address {address}")
    return dns, ip


def _is_strong(key: object, *, rsa_too: bool) -> TypeGuard[PublicKey]:
    if isinstance(key, rsa.RSAPublicKey):
        return rsa_too and key.key_size in RSA_SIZES and 65537 <= key.public_numbers().e < 2**32
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES)


def quoted(value: object) -> str:
    """Texts of others in an error or a log: one line, cut."""
    return ascii(str(value))[:120]
