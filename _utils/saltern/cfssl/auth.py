"""cfssl's standard authentication: HMAC-SHA-256 by a shared key over the bytes of the request.

The token covers the request and nothing else: neither time nor sender, and no request number. Whoever reads a call can
send it again and gets another certificate for the same request: the same key, the same names, the same profile. That is
worth something to the holder of the private key only. What limits it further: TLS (a call cannot be read on the way),
the networks that a label admits, the life of the profile, and a new auth key.
"""

from __future__ import annotations

import hashlib
import hmac
import string

from saltern.errors import CertificateError

LEAST_BYTES = 16
MOST_BYTES = 1024
SOURCES = ("env", "file")  # where cfssl also takes a key from; resolved once, at import, never while serving


def key_of(text: str) -> bytes:
    """The key that ``text`` writes in hexadecimal digits, as cfssl does.

    :raises CertificateError: when it is no key, or a short one. The text is never part of the error.
    """
    digits = text.strip()
    if not digits or len(digits) % 2 or not set(digits) <= set(string.hexdigits):
        raise CertificateError(
            "An auth key is not written in pairs of hexadecimal digits.", cure="openssl rand -hex 32"
        )
    key = bytes.fromhex(digits)
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise CertificateError(
            f"An auth key has {len(key)} bytes, {LEAST_BYTES} to {MOST_BYTES} may be.", cure="openssl rand -hex 32"
        )
    return key


def source_of(text: str) -> tuple[str, str] | None:
    """``("env", name)`` or ``("file", path)`` where ``text`` says where the key is; ``None`` where it is the key."""
    kind, colon, rest = text.partition(":")
    return (kind, rest) if colon and kind in SOURCES else None


def token(key: bytes, request: bytes) -> bytes:
    """The token for ``request``."""
    return hmac.new(key, request, hashlib.sha256).digest()


def valid(key: bytes, request: bytes, given: bytes) -> bool:
    """Whether ``given`` is the token for ``request``; takes the same time whatever differs."""
    return hmac.compare_digest(token(key, request), given)
