"""JWTs for tests of JWT logins."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def key_pair() -> tuple[rsa.RSAPrivateKey, str]:
    """A signing key and its public half as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key, public.decode()


def jwt(key: rsa.RSAPrivateKey, claims: dict[str, Any]) -> str:
    """A JWT with ``claims``, RS256, valid for five minutes."""
    now = int(time.time())
    parts = [{"alg": "RS256", "typ": "JWT"}, {"iat": now, "nbf": now - 5, "exp": now + 300, "sub": "test", **claims}]
    signed = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{_base64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
