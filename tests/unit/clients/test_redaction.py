"""No secret reaches an error's text, whatever a service echoes."""

from __future__ import annotations

import pytest

from saltern.addresses import bracketed
from saltern.clients.http import redacted, secrets_in


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"SecretID": "12345678"}, {"12345678"}),
        ({"BootstrapSecret": "12345678", "Name": "not-a-secret"}, {"12345678"}),
        ({"auth": [{"token": "abcdefgh"}, {"jwt": "ijklmnop"}]}, {"abcdefgh", "ijklmnop"}),
        ({"pgp_keys": ["AAAAAAAAA", "BBBBBBBBB"]}, {"AAAAAAAAA", "BBBBBBBBB"}),
        ({"key": "short"}, set()),  # too short to tell from ordinary words
        ({"token_ttl": 900, "secret": None}, set()),
        (None, set()),
    ],
)
def test_what_sounds_like_a_secret_is_one(body, found):
    assert secrets_in(body) == found


@pytest.mark.parametrize(
    "secret",
    [
        "hvs.CAESIJ0123456789abcdefghij",
        "hvb.AAAAAQJ0123456789abcdefghij",
        "s.0123456789abcdefghijklmn",
        "eyJh.eyJz.c2ln",
    ],
)
def test_what_looks_like_a_token_is_cut_out(secret):
    assert redacted(f"a {secret} b", set()) == "a … b"


def test_the_longest_secret_goes_first():
    assert redacted("abcdefghij", {"abcdefgh", "abcdefghij"}) == "…"


def test_an_error_is_one_line():
    assert redacted("one\n  two\n", set()) == "one two"


def test_ordinary_words_stay():
    text = "Permission denied: token with AccessorID '1' lacks permission 'acl:write' on v1.2.3"
    assert redacted(text, set()) == text


@pytest.mark.parametrize(("address", "host"), [("10.99.0.1", "10.99.0.1"), ("fd5a:99::1", "[fd5a:99::1]")])
def test_an_ipv6_address_in_a_url(address, host):
    assert bracketed(address) == host
