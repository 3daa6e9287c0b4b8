"""What Vault gives back counts as held when it means the same; PGP keys come in two forms."""

from __future__ import annotations

import base64

import pytest

from saltern.clients.vault_system import binary_key, holds
from saltern.errors import ServiceError

BINARY = base64.b64encode(bytes(range(120))).decode()
ARMOUR = f"""-----BEGIN PGP PUBLIC KEY BLOCK-----
Comment: of an operator

{BINARY[:64]}
{BINARY[64:]}
=AbCd
-----END PGP PUBLIC KEY BLOCK-----
"""


@pytest.mark.parametrize(
    "text", [ARMOUR, ARMOUR.replace("\n", "\r\n"), ARMOUR.replace("Comment: of an operator\n", ""), BINARY]
)
def test_a_key_in_either_form(text):
    assert binary_key(text) == BINARY


@pytest.mark.parametrize("text", ["", "no key!", ARMOUR.split("\n", maxsplit=1)[0]])
def test_what_is_no_key(text):
    with pytest.raises(ServiceError, match="no PGP public key"):
        binary_key(text)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ({"token_ttl": 900, "other": 1}, {"token_ttl": "15m"}),
        ({"ttl": 5400}, {"ttl": "1h30m"}),
        ({"ttl": 60}, {"ttl": 60}),
        ({"policies": ["b", "a"]}, {"policies": ["a", "b"]}),
        ({"ca": "PEM"}, {"ca": "PEM\n"}),
        ({"address": "x"}, {"address": "x", "token": "is not given back"}),
        ({"empty": None}, {"empty": ""}),
    ],
)
def test_held(found, wanted):
    assert holds(found, wanted)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ({"token_ttl": 900}, {"token_ttl": "16m"}),
        ({"policies": ["a"]}, {"policies": ["a", "b"]}),
        ({"address": "x"}, {"address": "y"}),
        ({"flag": False}, {"flag": True}),
        ({"number": 0}, {"number": 5}),
    ],
)
def test_not_held(found, wanted):
    assert not holds(found, wanted)
