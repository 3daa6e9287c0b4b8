from __future__ import annotations

import hashlib
import hmac

import pytest

from saltern.cfssl import auth
from saltern.errors import CertificateError

# The key of cfssl's own tests (auth/auth_test.go).
TEXT = "0123456789ABCDEF0123456789ABCDEF"


def test_a_token_is_the_hmac_of_the_request_alone() -> None:
    key = auth.key_of(TEXT)
    assert auth.token(key, b"testing 1 2 3") == hmac.new(bytes.fromhex(TEXT), b"testing 1 2 3", hashlib.sha256).digest()


@pytest.mark.parametrize(
    ("request_", "change"),
    [(b"a", lambda token: token[:-1]), (b"a", lambda token: b""), (b"b", bytes), (b"a", lambda token: token + b"\0")],
    ids=["cut", "empty", "of another request", "longer"],
)
def test_another_token_is_not_valid(request_: bytes, change: object) -> None:
    key = auth.key_of(TEXT)
    assert callable(change)
    assert not auth.valid(key, request_, change(auth.token(key, b"a")))
    assert auth.valid(key, b"a", auth.token(key, b"a"))


def test_a_token_by_another_key_is_not_valid() -> None:
    assert not auth.valid(auth.key_of(TEXT), b"a", auth.token(auth.key_of("00" * 16), b"a"))


@pytest.mark.parametrize("text", ["", "0", "00" * 15, "zz" * 16, "00 " * 16, "00" * 1025, "env:KEY", "١" * 32])
def test_what_is_no_key_or_a_short_one_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(CertificateError) as caught:
        auth.key_of(text)
    assert len(text) < 8 or text not in str(caught.value)


def test_a_key_may_lie_elsewhere() -> None:
    assert auth.source_of("env:CFSSL_KEY") == ("env", "CFSSL_KEY")
    assert auth.source_of("file:/etc/cfssl/key") == ("file", "/etc/cfssl/key")
    assert auth.source_of(TEXT) is None
