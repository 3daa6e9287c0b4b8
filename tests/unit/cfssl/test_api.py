"""Every call of cfssl's API: what is answered, and that nothing is signed where an error is answered."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography import x509

from saltern.cfssl import messages
from saltern.cfssl.api import BULK, CFSSL, answer
from support_cfssl import KEY, POLICIES, PREVIOUS, SmallIssuer, authenticated, csr_pem

AUTHSIGN, SIGN, INFO, CRL = (CFSSL + name for name in ("authsign", "sign", "info", "crl"))
HERE = "127.0.0.1"
CSR = csr_pem("a.example.org")
REQUEST: dict[str, Any] = {"certificate_request": CSR, "label": "primary", "profile": "web"}
# As Debian's cfssl and today's write a request without being asked for any of it.
OF_CFSSL = {"hosts": None, "crl_override": "", "serial": None, "extensions": None, "metadata": None}
OF_CFSSL |= {"NotBefore": "0001-01-01T00:00:00Z", "NotAfter": "0001-01-01T00:00:00Z", "ReturnPrecert": False}


@pytest.fixture
def issuer() -> SmallIssuer:
    return SmallIssuer()


def asked(issuer: SmallIssuer, path: str, body: bytes, remote: str = HERE) -> tuple[int, dict[str, Any]]:
    found = answer(path, body, remote, issuer)
    data = json.loads(found.body)
    assert set(data) == {"success", "result", "errors", "messages"}
    assert data["success"] is (found.status == 200)
    assert len(found.records) == (1 if found.status == 200 and "sign" in path else 0)
    assert bool(found.refusals) is (found.status != 200)
    return found.status, data


@pytest.mark.parametrize("more", [{}, OF_CFSSL, {"timestamp": 1}], ids=["plain", "cfssl's fields", "bare"])
def test_authsign_gives_a_certificate(issuer: SmallIssuer, more: dict[str, Any]) -> None:
    body = authenticated({**REQUEST, **{k: v for k, v in more.items() if k != "timestamp"}}, timestamp=1)
    status, data = asked(issuer, AUTHSIGN, body)
    assert (status, data["errors"]) == (200, [])
    certificate = x509.load_pem_x509_certificate(data["result"]["certificate"].encode())
    assert certificate.issuer == issuer.root.subject


def test_the_previous_key_still_asks_and_the_record_names_it(issuer: SmallIssuer) -> None:
    found = answer(AUTHSIGN, authenticated({**REQUEST, "profile": ""}, PREVIOUS), HERE, issuer)
    assert found.records[0]["key"] == "web-before"
    assert answer(AUTHSIGN, authenticated(REQUEST, PREVIOUS), HERE, issuer).status == 400


def test_a_replayed_call_signs_the_same_request_again_and_no_other(issuer: SmallIssuer) -> None:
    body = authenticated(REQUEST)
    for _ in range(2):
        _, data = asked(issuer, AUTHSIGN, body)
        certificate = x509.load_pem_x509_certificate(data["result"]["certificate"].encode())
        assert certificate.public_key() == x509.load_pem_x509_csr(CSR.encode()).public_key()
    outer = json.loads(body)
    other = base64.b64encode(json.dumps({**REQUEST, "certificate_request": csr_pem("b.example.org")}).encode())
    status, data = asked(issuer, AUTHSIGN, json.dumps({**outer, "request": other.decode()}).encode())
    assert (status, data["errors"][0]["message"]) == (400, "invalid token")


def test_sign_is_for_profiles_without_a_key_only(issuer: SmallIssuer) -> None:
    opened = {**REQUEST, "profile": "open"}
    assert asked(issuer, SIGN, json.dumps({**REQUEST, "profile": "keyless"}).encode())[0] == 400
    assert asked(issuer, SIGN, json.dumps(opened).encode())[0] == 200
    status, data = asked(issuer, SIGN, json.dumps(REQUEST).encode())
    assert (status, data["errors"]) == (400, [{"code": 400, "message": "authentication required"}])
    status, data = asked(issuer, AUTHSIGN, authenticated(opened))
    assert (status, data["errors"]) == (401, [{"code": 1, "message": "authorisation required"}])
    assert issuer.signed == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "none"}, "bad label"),
        ({"label": "lan"}, "not authorised"),
        ({"profile": "none"}, "invalid profile"),
        ({"certificate_request": ""}, "missing parameter 'certificate_request'"),
        ({"certificate_request": "x" * 9000}, "certificate_request has 9000 characters, at most 8192 may be"),
        ({"certificate_request": "no CSR"}, "Policy violation request: the request cannot be read"),
        ({"certificate_request": 5}, "certificate_request must be text"),
        ({"certificate_request": csr_pem("*.example.org")}, "Policy violation request: the profile does not allow"),
        ({"hosts": ["b.example.com"]}, "Policy violation request: the profile does not allow"),
        ({"hosts": ["a.example.org"] * 10_000}, "request too large"),
        ({"hosts": ["a.example.org"] * 65}, "hosts has 65 entries, at most 64 may be"),
        ({"hosts": "a.example.org"}, "hosts must be a list of texts"),
        ({"hostname": ",".join(["a"] * 65)}, "hosts has 65 entries"),
        ({"serial": 5}, "Policy violation request: serial cannot be asked for"),
        ({"extensions": [{"id": "2.5.29.19", "value": "30030101ff"}]}, "Policy violation request: extensions cannot"),
        ({"crl_override": "http://x"}, "Policy violation request: crl_override cannot be asked for"),
        ({"NotAfter": "2099-01-01T00:00:00Z"}, "Policy violation request: NotAfter cannot be asked for"),
        ({"ReturnPrecert": True}, "Policy violation request: ReturnPrecert cannot be asked for"),
        ({"ReturnPrecert": 0}, "Policy violation request: ReturnPrecert cannot be asked for"),
        ({"subject": {"SerialNumber": "1"}}, "Policy violation request: a serial number in a subject"),
        ({"subject": {"names": [{"CN": "x"}]}}, "a name of a subject may hold C, L, O, OU, ST only"),
        ({"subject": "x"}, "subject may hold CN and names only"),
        ({"bundle": "yes"}, "bundle must be true or false"),
        ({"is_ca": True}, "the sign request holds the unknown field 'is_ca'"),
    ],
    ids=str,
)
def test_a_bad_request_is_refused_and_nothing_signed(issuer: SmallIssuer, change: dict[str, Any], message: str) -> None:
    status, data = asked(issuer, AUTHSIGN, authenticated({**REQUEST, **change}))
    assert 400 <= status < 500
    assert data["errors"][0]["message"].startswith(message)
    assert data["result"] is None
    assert issuer.signed == 0


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (AUTHSIGN, b"", "the request is not valid JSON"),
        (AUTHSIGN, b"not JSON", "the request is not valid JSON"),
        (AUTHSIGN, b"[]", "the request is not a JSON object"),
        (AUTHSIGN, b"{}", "the sign request is not valid JSON"),
        (AUTHSIGN, b'{"token": NaN}', "the request is not valid JSON"),
        (AUTHSIGN, b'{"token": "", "token": ""}', "the request is not valid JSON"),
        (AUTHSIGN, b"[" * 50_000, "the request is not valid JSON"),
        (AUTHSIGN, b'{"timestamp": ' + b"9" * 10_000 + b"}", "the request is not valid JSON"),
        (AUTHSIGN, b'{"timestamp": "now"}', "timestamp must be a whole number"),
        (AUTHSIGN, b'{"request": "%%%"}', "request is not base64"),
        (AUTHSIGN, b'{"request": 5}', "request is not base64"),
        (AUTHSIGN, b"\xff\xfe", "the request is not valid JSON"),
        (AUTHSIGN, authenticated(b"not JSON"), "the sign request is not valid JSON"),
        (AUTHSIGN, authenticated(REQUEST, b"another key, sixteen"), "invalid token"),
        (AUTHSIGN, b'{"a":"' + b"x" * messages.MAXIMUM_BODY + b'"}', "request too large"),
        (SIGN, b"null", "the sign request is not a JSON object"),
        (INFO, b"", "the request is not valid JSON"),
        (INFO, b'{"label": "none"}', "bad label"),
        (INFO, b'{"profile": "none"}', "invalid profile"),
        (CRL, b'{"label": "none"}', "bad label"),
        (BULK, authenticated({"requests": []}), "requests must be a list of 1 to 1000"),
        (BULK, authenticated({"requests": [{}] * 1001}), "requests must be a list of 1 to 1000"),
        (BULK, authenticated({"requests": [REQUEST]}, b"another key, sixteen"), "invalid token"),
        (CFSSL + "revoke", b"{}", "no such endpoint"),
    ],
)
def test_what_is_no_request_is_refused(issuer: SmallIssuer, path: str, body: bytes, message: str) -> None:
    status, data = asked(issuer, path, body)
    assert 400 <= status < 500
    assert data["errors"][0]["message"].startswith(message)
    assert issuer.signed == 0


def test_info_tells_certificate_usages_and_expiry(issuer: SmallIssuer) -> None:
    _, data = asked(issuer, INFO, b'{"label": "primary", "profile": "open"}')
    assert data["result"] == {
        "certificate": issuer.certificate(""),
        "usages": ["signing", "client auth"],
        "expiry": "24h",
    }


def test_info_without_a_profile_tells_the_certificate_though_there_is_no_default(
    issuer: SmallIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(POLICIES, "")
    status, data = asked(issuer, INFO, b'{"label": "primary", "profile": ""}')
    assert (status, data["result"]["certificate"]) == (200, issuer.certificate(""))
    assert asked(issuer, AUTHSIGN, authenticated({**REQUEST, "profile": ""}))[0] == 400


def test_the_revocation_list_is_base64_as_in_cfssl(issuer: SmallIssuer) -> None:
    _, data = asked(issuer, CRL, b"{}")
    assert x509.load_der_x509_crl(base64.b64decode(data["result"])).issuer == issuer.root.subject


def test_a_bundle_is_answered_with_cfssls_note(issuer: SmallIssuer) -> None:
    _, data = asked(issuer, AUTHSIGN, authenticated({**REQUEST, "bundle": True}))
    assert data["messages"][0]["code"] == 5300


def test_a_label_admits_its_networks_only(issuer: SmallIssuer) -> None:
    body = authenticated({**REQUEST, "label": "lan"})
    assert asked(issuer, AUTHSIGN, body, "192.0.2.7")[0] == 200
    assert asked(issuer, AUTHSIGN, body, "192.0.3.7")[0] == 403


def test_a_bulk_call_answers_each_request_by_itself(issuer: SmallIssuer) -> None:
    bad = [{"certificate_request": csr_pem("a.example.com")}, {"certificate_request": 5}, 5, {"is_ca": True}]
    wanted = [{"certificate_request": CSR}, *bad, {"certificate_request": CSR, "hosts": ["b.example.org"]}]
    found = answer(BULK, authenticated({"label": "primary", "profile": "web", "requests": wanted}), HERE, issuer)
    results = json.loads(found.body)["result"]["certificates"]
    assert ["certificate" in result for result in results] == [True, False, False, False, False, True]
    assert all(set(result["error"]) == {"code", "message"} for result in results[1:5])
    assert (len(found.records), len(found.refusals), issuer.signed) == (2, 4, 2)


@pytest.mark.parametrize("path", [AUTHSIGN, BULK])
def test_a_locked_authority_says_so_in_the_log_and_not_to_the_caller(issuer: SmallIssuer, path: str) -> None:
    issuer.locked = True
    bulk = {"profile": "web", "requests": [{"certificate_request": CSR}]}
    found = answer(path, authenticated(REQUEST if path == AUTHSIGN else bulk), HERE, issuer)
    assert b"the authority cannot sign now" in found.body
    assert b"locked" not in found.body
    assert "The keys are locked" in found.refusals[0]


def test_a_refusal_is_one_line_of_ascii_in_the_log(issuer: SmallIssuer) -> None:
    found = answer(INFO, json.dumps({"label": "a\nb\x1b[31m"}).encode(), HERE, issuer)
    assert len(found.refusals) == 1
    assert found.refusals[0].isprintable()
    assert KEY.hex() not in found.refusals[0]
