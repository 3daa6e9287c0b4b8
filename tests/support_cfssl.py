"""A small issuer behind cfssl's API: a root, labels and profiles in memory, real signatures, and a count of them."""

from __future__ import annotations

import base64
import datetime
import json
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from saltern.cfssl import auth
from saltern.cfssl.api import Policy
from saltern.cfssl.messages import SignRequest
from saltern.errors import CertificateError, SigningRefused

KEY_TEXT = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
KEY = auth.key_of(KEY_TEXT)
PREVIOUS = bytes(range(16))
POLICIES = {
    "": Policy(("web", "web-before"), ("signing", "server auth"), "720h"),
    "web": Policy(("web",), ("signing", "server auth"), "720h"),
    "open": Policy((), ("signing", "client auth"), "24h", unauthenticated=True),
    "keyless": Policy((), ("signing", "client auth"), "24h"),
}
ZONE = ".example.org"
UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass
class SmallIssuer:
    """Labels ``primary`` (the default) and ``lan`` (one network only); names below example.org."""

    signed: int = 0
    locked: bool = False
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cfssl test root")])
        builder = _builder(name, name, self.key.public_key(), days=30)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.root = builder.sign(self.key, hashes.SHA256())

    def label(self, name: str) -> str | None:
        return {"": "primary", "primary": "primary", "lan": "lan"}.get(name)

    def admits(self, label: str, remote: str) -> bool:
        return label != "lan" or ip_address(remote) in ip_network("192.0.2.0/24")

    def policy(self, label: str, profile: str) -> Policy | None:
        return POLICIES.get(profile)

    def auth_key(self, name: str) -> bytes:
        return {"web": KEY, "web-before": PREVIOUS}[name]

    def certificate(self, label: str) -> str:
        return pem(self.root)

    def crl(self, label: str) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.root.subject).last_update(now)
        made = builder.next_update(now + datetime.timedelta(days=1)).sign(self.key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.DER)

    def sign(self, request: SignRequest, remote: str, key: str) -> tuple[str, Any]:
        if self.locked:
            raise CertificateError("The keys are locked.", cure="salt-run ca.unlock")
        try:
            csr = x509.load_pem_x509_csr(request.csr.encode())
            names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            public, proved = csr.public_key(), csr.is_signature_valid
        except UNREADABLE as error:
            raise SigningRefused("the request cannot be read") from error
        dns = request.hosts or tuple(names.get_values_for_type(x509.DNSName))
        if not proved or not isinstance(public, ec.EllipticCurvePublicKey):
            raise SigningRefused("the request was not signed by its own key")
        if not dns or not all(name.endswith(ZONE) and "*" not in name for name in dns):
            raise SigningRefused("the profile does not allow the names")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns[0])])
        builder = _builder(subject, self.root.subject, public, days=1)
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(alternative, critical=False).add_extension(usage, critical=False)
        self.signed += 1
        made = builder.sign(self.key, hashes.SHA256())
        return pem(made), {"serial": made.serial_number, "remote": remote, "key": key, "label": request.label}


def pem(certificate: x509.Certificate) -> str:
    """The certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def csr_pem(*names: str) -> str:
    """A request for these names by a new key."""
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def authenticated(request: Any, key: bytes = KEY, **more: Any) -> bytes:
    """The body of ``authsign`` for this inner request."""
    inner = request if isinstance(request, bytes) else json.dumps(request).encode()
    token = base64.b64encode(auth.token(key, inner)).decode()
    return json.dumps({"token": token, "request": base64.b64encode(inner).decode(), **more}).encode()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=5))
    return builder.not_valid_after(now + datetime.timedelta(days=days))
