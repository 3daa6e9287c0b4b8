"""Debian's ``cfssl`` against our door, unchanged; our client against Debian's ``multirootca`` and against our door."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import requests
from cryptography import x509

from saltern.cfssl.client_config import Remote, client_config
from saltern.clients.cfssl import Cfssl
from saltern.errors import ServiceRefused, ServiceUnreachable
from support_certificates import Root
from support_cfssl import KEY, KEY_TEXT, csr_pem
from support_cfssl_door import Door, cfssl

Run = Callable[..., CompletedProcess[str]]
CSR_JSON = json.dumps({"CN": "a.example.org", "hosts": ["a.example.org"], "key": {"algo": "ecdsa", "size": 256}})


@pytest.fixture
def run(door: Door) -> Run:
    return lambda *arguments, **more: cfssl(*arguments, ca_file=door.ca_file, **more)


@pytest.fixture
def configuration(door: Door, tmp_path: Path) -> Path:
    made = client_config(Remote("primary", door.url), {"web": "web", "open": ""}, {"web": KEY_TEXT})
    file = tmp_path / "client.json"
    file.write_text(json.dumps(made))
    return file


def client(port: int, ca_file: Path, key: bytes = KEY) -> Cfssl:
    made = Cfssl("127.0.0.1", str(ca_file), port=port)
    made.key = key
    return made


def issued_by_the_door(door: Door, output: str) -> x509.Certificate:
    certificate = x509.load_pem_x509_certificate(json.loads(output)["cert"].encode())
    certificate.verify_directly_issued_by(door.issuer.root)
    return certificate


def test_cfssl_info_names_the_root(run: Run, door: Door) -> None:
    found = run("info", "-remote", door.url, "-label", "primary", "-profile", "web")
    assert json.loads(found.stdout)["certificate"] == door.issuer.certificate("primary"), found.stderr
    assert json.loads(found.stdout)["expiry"] == "720h"


@pytest.mark.parametrize("profile", ["web", "open"])
def test_cfssl_gencert_gets_a_certificate_with_and_without_auth_key(
    run: Run, door: Door, configuration: Path, profile: str
) -> None:
    arguments = ("-config", str(configuration), "-label", "primary", "-profile", profile, "-")
    found = run("gencert", *arguments, stdin=CSR_JSON)
    assert found.returncode == 0, found.stderr
    issued_by_the_door(door, found.stdout)


@pytest.mark.parametrize("profile", ["web", "open"])
def test_cfssl_sign_gets_a_certificate_with_and_without_auth_key(
    run: Run, door: Door, configuration: Path, tmp_path: Path, profile: str
) -> None:
    request = tmp_path / "request.csr"
    request.write_text(csr_pem("a.example.org"))
    arguments = ("-config", str(configuration), "-label", "primary", "-profile", profile, str(request))
    found = run("sign", *arguments)
    assert found.returncode == 0, found.stderr
    issued_by_the_door(door, found.stdout)


def test_cfssl_gencert_remote_without_configuration_uses_a_profile_that_is_open(run: Run, door: Door) -> None:
    found = run("gencert", "-remote", door.url, "-label", "primary", "-profile", "open", "-", stdin=CSR_JSON)
    assert found.returncode == 0, found.stderr
    issued_by_the_door(door, found.stdout)


@pytest.mark.parametrize(
    ("label", "profile", "names", "message"),
    [
        ("none", "web", "a.example.org", "bad label"),
        ("lan", "web", "a.example.org", "not authorised"),
        ("primary", "web", "*.example.org", "Policy violation request"),
        ("primary", "web", "a.example.com", "Policy violation request"),
    ],
)
def test_cfssl_tells_why_it_was_refused(
    run: Run, door: Door, configuration: Path, label: str, profile: str, names: str, message: str
) -> None:
    before = door.issuer.signed
    request = json.dumps({"hosts": [names], "key": {"algo": "ecdsa", "size": 256}})
    found = run("gencert", "-config", str(configuration), "-label", label, "-profile", profile, "-", stdin=request)
    assert found.returncode != 0
    assert message in found.stdout + found.stderr
    assert door.issuer.signed == before


def test_cfssl_with_another_key_is_refused(run: Run, door: Door, tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    file.write_text(json.dumps(client_config(Remote("primary", door.url), {"web": "web"}, {"web": "00" * 32})))
    found = run("gencert", "-config", str(file), "-label", "primary", "-profile", "web", "-", stdin=CSR_JSON)
    assert "invalid token" in found.stdout + found.stderr


def test_our_client_works_against_multirootca(multirootca: int, tls: Root, directory: Path) -> None:
    there = client(multirootca, tls.ca_file)
    root = x509.load_pem_x509_certificate((directory / "multirootca" / "ca.pem").read_bytes())
    info = there.info("primary", "web")
    assert x509.load_pem_x509_certificate(info.certificate.encode()) == root
    assert (info.usages, info.expiry) == (("signing", "server auth"), "24h")
    pem = there.authsign(csr_pem("a.example.org"), label="primary", profile="web", hosts=["b.example.org"])
    certificate = x509.load_pem_x509_certificate(pem.encode())
    certificate.verify_directly_issued_by(root)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["b.example.org"]


def test_both_refuse_a_wrong_token_alike(multirootca: int, tls: Root, door: Door) -> None:
    told = []
    for port in (multirootca, door.port):
        with pytest.raises(ServiceRefused) as caught:
            client(port, tls.ca_file, b"another key, sixteen").authsign(csr_pem("a.example.org"), profile="web")
        told.append((caught.value.status, caught.value.detail))
    assert told[0] == told[1]
    assert told[0][0] == 400


def test_our_client_works_against_our_door(door: Door) -> None:
    there = client(door.port, door.ca_file)
    assert there.info("primary", "web").expiry == "720h"
    assert "BEGIN CERTIFICATE" in there.sign(csr_pem("a.example.org"), label="primary", profile="open")
    assert "BEGIN CERTIFICATE" in there.authsign(csr_pem("a.example.org"), label="primary", profile="web")
    results = there.bulk([csr_pem("a.example.org"), csr_pem("a.example.com"), csr_pem("b.example.org")], profile="web")
    assert [bool(result.certificate) for result in results] == [True, False, True]
    assert "Policy violation request" in results[1].error


def test_a_compressed_body_is_not_unpacked(door: Door) -> None:
    body, headers = gzip.compress(b'{"label": "primary"}'), {"Content-Encoding": "gzip"}
    found = requests.post(f"{door.url}/api/v1/cfssl/info", body, headers=headers, verify=str(door.ca_file), timeout=20)
    assert (found.status_code, found.json()["errors"][0]["message"]) == (400, "the request is not valid JSON")


def test_our_client_trusts_its_root_only(door: Door, tmp_path: Path) -> None:
    other = Root(tmp_path / "other", "other")
    with pytest.raises(ServiceUnreachable, match="does not verify"):
        client(door.port, other.ca_file).info("primary", "web")
