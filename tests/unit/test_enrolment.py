"""When a minion's key may be accepted."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from saltern import enrolment
from saltern.enrolment import Decision
from saltern.errors import EnrolmentRefused

NOW = 1000.0


def public_pem(bits=2048):
    return pem(rsa.generate_private_key(65537, bits))


def pem(private):
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


OWN, FOREIGN = public_pem(), public_pem()


@pytest.fixture
def proof():
    return enrolment.proof("server-aaaaaa", OWN, NOW + 10)


@pytest.mark.parametrize("waiting", [OWN, OWN.replace("\n", "\r\n"), f"\n{OWN}\n", OWN.strip()])
def test_the_nodes_own_key_is_accepted_however_it_is_written(proof, waiting):
    assert enrolment.decide(proof, pending=waiting, accepted=None, now=NOW) is Decision.ACCEPT


def test_no_key_yet_means_waiting(proof):
    assert enrolment.decide(proof, pending=None, accepted=None, now=NOW) is Decision.WAIT


@pytest.mark.parametrize(
    ("pending", "accepted", "now", "word"),
    [
        (FOREIGN, None, NOW, "not the node's own"),
        ("-----BEGIN PUBLIC KEY-----\nrubbish\n-----END PUBLIC KEY-----\n", None, NOW, "not the node's own"),
        (OWN, None, NOW + 11, "in time"),
        (None, None, NOW + 11, "in time"),
        (OWN, OWN, NOW, "already"),
        (OWN, FOREIGN, NOW, "already"),
    ],
)
def test_everything_else_is_refused_with_its_cause_and_the_node(proof, pending, accepted, now, word):
    with pytest.raises(EnrolmentRefused, match=word) as caught:
        enrolment.decide(proof, pending=pending, accepted=accepted, now=now)
    assert caught.value.node == "server-aaaaaa"
    assert caught.value.cure


@pytest.mark.parametrize(
    "text", ["", "rubbish", pem(ec.generate_private_key(ec.SECP256R1())), public_pem(1024), OWN * 20, "ü" + OWN]
)
def test_only_a_decent_rsa_key_proves_anything(text):
    with pytest.raises(EnrolmentRefused):
        enrolment.proof("server-aaaaaa", text, NOW)


def test_the_fingerprint_is_the_one_that_a_minion_prints():
    # `salt-call --local key.finger` of Salt 3008.3 for this key
    key = """-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQD0pEE8Y2KsOx7MiFAIliZ7Vjt8
JT4QSc7bjBKOPVVAq9phk8lAghRA4YZ7C7lbwEy8Xq9rixqnzC5UU9KkdFzIdltv
Dzv6DRqghx7d2oEGS1rriZ0s0KVQcgRR8UjtIxa4H8AKNg5u6lV+MqIEnly1ccE/
ttPR3pg1ji5vrLtTkwIDAQAB
-----END PUBLIC KEY-----
"""
    printed = "9c:92:0a:77:e2:09:df:ba:bd:47:b9:4c:a4:a2:a0:4e:69:1b:c9:7b:33:05:d3:49:f5:34:7f:7f:3b:7d:99:46"
    assert enrolment.fingerprint(key) == printed
    assert enrolment.fingerprint(key.replace("\n", "\r\n")) == printed
