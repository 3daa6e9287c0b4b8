"""Debian's cfssl and our client against both real services: what is signed is on record, and revoked for everybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

import support_ca_services
from saltern.cfssl import auth
from saltern.cfssl.client_config import Remote, client_config
from saltern.clients.cfssl import Cfssl
from saltern.errors import SalternError
from saltern.pki import roots
from support_ca_services import Services
from support_cfssl import csr_pem
from support_cfssl_door import cfssl


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("services")


@pytest.fixture(scope="module")
def services(place: Path) -> Iterator[Services]:
    with support_ca_services.running(place, workers=2) as made:
        yield made


@pytest.fixture
def client(services: Services) -> Cfssl:
    made = Cfssl("127.0.0.1", str(services.ca_file), port=services.port)
    made.key = auth.key_of(services.key)
    return made


def test_debians_cfssl_gets_a_certificate_by_the_configuration_that_we_print(
    services: Services, place: Path, tmp_path: Path
) -> None:
    remote = Remote("support", f"https://127.0.0.1:{services.port}")
    config = tmp_path / "client.json"
    config.write_text(json.dumps(client_config(remote, {"web": "web"}, {"web": services.key})))
    wanted = json.dumps({"CN": "www.example.org", "hosts": ["www.example.org"], "key": {"algo": "ecdsa", "size": 256}})
    arguments = ("gencert", "-config", str(config), "-label", "support", "-profile", "web", "-")
    done = cfssl(*arguments, ca_file=services.ca_file, stdin=wanted)
    assert done.returncode == 0, done.stderr
    leaf = x509.load_pem_x509_certificate(json.loads(done.stdout)["cert"].encode())
    leaf.verify_directly_issued_by(roots.certificate_of("support", place / "roots"))
    (entry,) = services.ca.call("list", serial=f"{leaf.serial_number:x}")["issued"]
    assert (entry["profile"], entry["name"]) == ("web", "www.example.org")


def test_one_bulk_call_signs_many_and_each_is_on_record(services: Services, client: Cfssl) -> None:
    before = len(services.ca.call("list", root="support", limit=1000)["issued"])
    answers = client.bulk([csr_pem(f"a{number}.example.org") for number in range(50)], label="support", profile="web")
    assert len(answers) == 50
    assert len(services.ca.call("list", root="support", limit=1000)["issued"]) == before + 50


def test_what_the_profile_does_not_allow_is_refused_and_leaves_no_record(services: Services, client: Cfssl) -> None:
    before = services.ca.call("list", limit=1000)["issued"]
    for name in ("server.dc1.consul", "*.example.org", "example.com"):
        with pytest.raises(SalternError):
            client.authsign(csr_pem(name), label="support", profile="web")
    client.key = bytes(32)
    with pytest.raises(SalternError):
        client.authsign(csr_pem("a.example.org"), label="support", profile="web")
    for profile in ("peer", "operator", "server"):
        with pytest.raises(SalternError):
            client.authsign(csr_pem("a.example.org"), label="consul", profile=profile)
    assert services.ca.call("list", limit=1000)["issued"] == before


def test_a_revoked_leaf_is_in_the_list_that_clients_read(services: Services, client: Cfssl) -> None:
    leaf = x509.load_pem_x509_certificate(
        client.authsign(csr_pem("b.example.org"), label="support", profile="web").encode()
    )
    services.ca.call("revoke", serial=f"{leaf.serial_number:x}", reason="keyCompromise", by="root")
    text = services.ca.call("crl", root="support")["crl"]
    found = x509.load_pem_x509_crl(text.encode()).get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert found is not None
