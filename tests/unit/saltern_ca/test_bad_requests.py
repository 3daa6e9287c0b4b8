"""What a hostile client asks for: one clear error in cfssl's form, nothing signed. Real authority, real requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from saltern.cfssl import api
from saltern_ca.issuer import ClientIssuer
from support_cfssl import authenticated
from support_client_issuer import client_issuer

HERE, ELSEWHERE = "192.0.2.7", "198.51.100.7"
AUTHSIGN, SIGN = api.CFSSL + "authsign", api.CFSSL + "sign"
Make = Callable[[x509.CertificateSigningRequestBuilder], x509.CertificateSigningRequestBuilder]
P256 = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> ClientIssuer:
    return client_issuer(tmp_path_factory.mktemp("authority"))


def csr(*names: x509.GeneralName, key: Any = P256, make: Make = lambda builder: builder, cn: str = "") -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)] if cn else [])
    builder = make(x509.CertificateSigningRequestBuilder().subject_name(subject))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM).decode()


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


def of_version(number: int) -> str:
    """A request whose version field, the first number in it, is not 0."""
    return rewritten(lambda der: der.replace(b"\x02\x01\x00", bytes((2, 1, number)), 1))


def off_the_curve() -> str:
    """A request whose key is no point of its curve."""
    point = P256.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return rewritten(lambda der: der.replace(point, point[:-1] + bytes((point[-1] ^ 1,))))


def rewritten(change: Callable[[bytes], bytes]) -> str:
    der = base64.b64decode("".join(csr(*dns("www.example.org")).splitlines()[1:-1]))
    changed = change(der)
    assert changed != der
    text = base64.encodebytes(changed).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"


BAD: dict[str, Callable[[], str]] = {
    "signature of another": lambda: rewritten(lambda der: der[:-1] + bytes((der[-1] ^ 1,))),
    "RSA of 1024 bits": lambda: csr(*dns("www.example.org"), key=rsa.generate_private_key(65537, 1024)),
    "a curve of 192 bits": lambda: csr(*dns("www.example.org"), key=ec.generate_private_key(ec.SECP192R1())),
    "key off its curve": off_the_curve,
    "unknown version": lambda: of_version(32),
    "wildcard": lambda: csr(*dns("*.apps.example.org")),
    "wildcard alone": lambda: csr(*dns("*")),
    "name of others": lambda: csr(*dns("www.example.org", "www.example.com")),
    "suffix without a dot": lambda: csr(*dns("evilapps.example.org")),
    "server of Consul": lambda: csr(*dns("server.dc1.consul")),
    "address of others": lambda: csr(x509.IPAddress(ip_address("192.0.2.200"))),
    "mail address": lambda: csr(x509.RFC822Name("a@example.org")),
    "URI": lambda: csr(*dns("www.example.org"), x509.UniformResourceIdentifier("https://www.example.org/")),
    "common name of others": lambda: csr(*dns("www.example.org"), cn="www.example.com"),
    "no name": csr,
    "10,000 names": lambda: csr(*dns(*(f"a{number}.apps.example.org" for number in range(10_000)))),
    "65 names": lambda: csr(*dns(*(f"a{number}.apps.example.org" for number in range(65)))),
    "CA:TRUE": lambda: csr(
        *dns("www.example.org"), make=lambda made: made.add_extension(x509.BasicConstraints(True, 0), critical=True)
    ),
    "another extension": lambda: csr(
        *dns("www.example.org"), make=lambda made: made.add_extension(x509.OCSPNoCheck(), critical=False)
    ),
    "another attribute": lambda: csr(
        *dns("www.example.org"), make=lambda made: made.add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, b"x")
    ),
    "certificate": lambda: "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    "two requests": lambda: csr(*dns("www.example.org")) * 2,
    "no PEM": lambda: "www.example.org",
    "NUL": lambda: "\0" * 100,
    "64 KiB": lambda: "x" * 65_000,
}


def asked(issuer: ClientIssuer, path: str, body: bytes, remote: str = HERE) -> tuple[int, str]:
    found = api.answer(path, body, remote, issuer)
    data = json.loads(found.body)
    assert bool(found.records) is data["success"] is (found.status == 200)
    assert len(found.refusals) == (0 if data["success"] else 1)
    return found.status, data["result"]["certificate"] if data["success"] else data["errors"][0]["message"]


def by_key(issuer: ClientIssuer, request: dict[str, Any]) -> bytes:
    return authenticated({"label": "support", "profile": "web", **request}, issuer.auth_key("web"))


@pytest.mark.parametrize("name", BAD)
def test_a_hostile_request_is_refused(issuer: ClientIssuer, name: str) -> None:
    status, message = asked(issuer, AUTHSIGN, by_key(issuer, {"certificate_request": BAD[name]()}))
    assert 400 <= status < 500
    assert message.startswith(("Policy violation request: ", "certificate_request has", "request too large"))
    assert message.isprintable()


@pytest.mark.parametrize(
    "hosts", [["www.example.com"], ["*.apps.example.org"], ["192.0.2.200"], ["a@b"], [""], ["a\0b"]]
)
def test_hosts_are_judged_as_the_names_of_a_request_are(issuer: ClientIssuer, hosts: list[str]) -> None:
    request = {"certificate_request": csr(*dns("www.example.org")), "hosts": hosts}
    status, message = asked(issuer, AUTHSIGN, by_key(issuer, request))
    assert (status, message.split(":")[0]) == (400, "Policy violation request")


def test_a_subject_of_others_is_refused(issuer: ClientIssuer) -> None:
    request = {"certificate_request": csr(*dns("www.example.org")), "subject": {"CN": "www.example.com"}}
    assert asked(issuer, AUTHSIGN, by_key(issuer, request))[0] == 400


def test_what_the_profile_allows_is_signed(issuer: ClientIssuer) -> None:
    good = csr(*dns("www.example.org", "a.apps.example.org"), x509.IPAddress(ip_address("192.0.2.1")))
    status, pem = asked(issuer, AUTHSIGN, by_key(issuer, {"certificate_request": good}))
    assert status == 200, pem
    x509.load_pem_x509_certificate(pem.encode()).verify_directly_issued_by(
        x509.load_pem_x509_certificate(issuer.certificate("support").encode())
    )


def test_an_open_profile_is_asked_by_sign_from_its_networks_only(issuer: ClientIssuer) -> None:
    request = {"label": "support", "profile": "open", "certificate_request": csr(*dns("www.example.org"))}
    assert asked(issuer, SIGN, json.dumps(request).encode())[0] == 200
    assert asked(issuer, SIGN, json.dumps(request).encode(), ELSEWHERE) == (403, "not authorised")


@pytest.mark.parametrize(("profile", "message"), [("node", "invalid profile"), ("web", "authentication required")])
def test_sign_gives_nothing_by_other_profiles(issuer: ClientIssuer, profile: str, message: str) -> None:
    request = {"label": "support", "profile": profile, "certificate_request": csr(*dns("www.example.org"))}
    assert asked(issuer, SIGN, json.dumps(request).encode()) == (400, message)
