"""Certificates of the authority itself: self-signed roots and their intermediates."""

from __future__ import annotations

import re
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from saltern.pki import chain, usages
from saltern.pki.keys import PrivateKey

BACKDATED = timedelta(minutes=5)  # a node whose clock is behind still finds a new certificate valid
_GENERATION = re.compile(r"(.*) G(\d+)")


def self_signed(common_name: str, lifetime: int, key: PrivateKey) -> x509.Certificate:
    """A root certificate, valid from now on.

    :param lifetime: in seconds.
    """
    name, begin = _name(common_name), chain.now() - BACKDATED
    builder = _builder(key, path_length=1).subject_name(name).issuer_name(name)  # room for an intermediate
    end = begin + timedelta(seconds=lifetime)
    return builder.not_valid_before(begin).not_valid_after(end).sign(key, hashes.SHA256())


def intermediate(root: x509.Certificate, root_key: PrivateKey, key: PrivateKey) -> x509.Certificate:
    """An intermediate of ``root`` for the key, valid as long as the root is."""
    return (
        _builder(key, path_length=0)
        .subject_name(_name(f"{common_name(root)} intermediate"))
        .issuer_name(root.subject)
        .not_valid_before(max(chain.now() - BACKDATED, root.not_valid_before_utc))
        .not_valid_after(root.not_valid_after_utc)
        .add_extension(key_identifier(root), critical=False)
        .sign(root_key, hashes.SHA256())
    )


def key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """How what an issuer signs names the issuer's key."""
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:  # a root that was taken over
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def common_name(certificate: x509.Certificate) -> str:
    """The common name of a root, empty where it has none."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def next_name(name: str) -> str:
    """The common name of the root that follows: ``X`` -> ``X G2`` -> ``X G3``. Two keys never share a name."""
    found = _GENERATION.fullmatch(name)
    return f"{found[1]} G{int(found[2]) + 1}" if found else f"{name} G2"


def pem(*certificates: x509.Certificate) -> bytes:
    """The certificates as one PEM text."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(key: PrivateKey, *, path_length: int) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(usages.AUTHORITY, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
