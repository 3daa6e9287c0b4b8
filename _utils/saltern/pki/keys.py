"""Keys of the authority: on disk only as PKCS #8 that the unlock key encrypts."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from saltern.errors import CertificateError

# Roots of our own are elliptic-curve keys; a cfssl set-up that is taken over may have RSA.
PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def make() -> ec.EllipticCurvePrivateKey:
    """A new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def sealed(key: PrivateKey, passphrase: bytes) -> bytes:
    """The key as PEM, encrypted with the passphrase.

    :raises CertificateError: when the passphrase is empty.
    """
    check(passphrase)
    encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def load(path: Path, what: str, passphrase: bytes) -> PrivateKey:
    """The key in a file.

    :param what: whose key it is, for the error: ``root consul``.
    :raises CertificateError: it is missing, the passphrase does not open it, or it is no key that can sign here.
    """
    check(passphrase)
    try:
        return opened(path.read_bytes(), what, passphrase)
    except FileNotFoundError as error:
        cure = "restore it from the backup; without one, every node needs a new root."
        raise CertificateError(f"The key of {what} is lost ({path}).", cure=cure) from error
    except OSError as error:
        cure = "run this as the owner of the file, or as root."
        raise CertificateError(f"The key of {what} cannot be read ({path}).", cure=cure) from error


def opened(pem: bytes, what: str, passphrase: bytes | None) -> PrivateKey:
    """The key in a PEM text.

    :param passphrase: None for one that is not encrypted.
    :raises CertificateError: the passphrase does not open it, or it is no key that can sign here.
    """
    try:
        key = serialization.load_pem_private_key(pem, passphrase)
    except TypeError as error:
        is_not = "not encrypted" if passphrase else "encrypted"
        raise CertificateError(f"The key of {what} is {is_not}.", cure="restore it from the backup.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        cure = "give the unlock key under which it was made; if that is the right one, restore the key's backup."
        raise CertificateError(f"The key of {what} does not open: wrong unlock key, or damaged.", cure=cure) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        cure = "use an elliptic-curve or RSA key."
        raise CertificateError(f"The key of {what} is of a kind that cannot sign here.", cure=cure)
    return key


def check(passphrase: bytes) -> None:
    """Refuses an empty unlock key.

    :raises CertificateError: when it is empty.
    """
    if not passphrase:
        raise CertificateError("The unlock key is empty.", cure="unlock the authority with the right key.")
