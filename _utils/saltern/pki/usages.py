"""What a certificate may be used for, by the names that cfssl has for it (its ``config.KeyUsage``, ``ExtKeyUsage``)."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

# Names of key usages -> the field of x509.KeyUsage. None of them makes an authority: a leaf never signs another.
_SIGNING = "digital_signature"
KEY_USAGES = {
    "signing": _SIGNING,
    "digital signature": _SIGNING,
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
}
EXTENDED_USAGES = {
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}
USAGES = (*KEY_USAGES, *EXTENDED_USAGES)
_NOT_FOR_CURVES = {"key_encipherment", "data_encipherment"}  # RFC 5480 section 3: not with an elliptic-curve key
_FIELDS = (*dict.fromkeys(KEY_USAGES.values()), "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
AUTHORITY = x509.KeyUsage(**{name: name in {"key_cert_sign", "crl_sign"} for name in _FIELDS})


def key_usage(usages: Iterable[str], *, curve: bool) -> x509.KeyUsage | None:
    """The key usage of a leaf, None where its profile names none.

    :param curve: whether the key is an elliptic-curve key, which can encipher nothing.
    """
    wanted = {KEY_USAGES[name] for name in usages if name in KEY_USAGES} - (_NOT_FOR_CURVES if curve else set())
    return x509.KeyUsage(**{name: name in wanted for name in _FIELDS}) if wanted else None


def extended(usages: Iterable[str]) -> tuple[x509.ObjectIdentifier, ...]:
    """The extended key usages of a leaf."""
    return tuple(dict.fromkeys(EXTENDED_USAGES[name] for name in usages if name in EXTENDED_USAGES))
