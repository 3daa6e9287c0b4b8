"""CRLs: signed by the issuer, with what is revoked and not expired, under numbers that rise."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from saltern.errors import CertificateError
from saltern.pki import chain, crl, inventory_backup, roots, rotation
from saltern.pki.inventory import Inventory, Record
from support_pki import PASSPHRASE

NOW = chain.now().replace(microsecond=0)
MOMENT = int(NOW.timestamp())


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    made = Inventory(tmp_path / "inventory.sqlite")
    for serial, root, end in (("a1", "consul", 9), ("a2", "consul", 9), ("a3", "consul", -9), ("b1", "nomad", 9)):
        made.add([Record(serial, root, "peer", "a", "b/c", 0, MOMENT + end, f"F{serial}", 0)])
    return made


def load(pem: bytes) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl(pem)


def test_what_a_crl_says(inventory: Inventory, ca: Path) -> None:
    root = roots.load("consul", ca, PASSPHRASE)
    for serial in ("a1", "a3", "b1"):
        inventory.revoke(serial, reason="keyCompromise", by="ada", at=MOMENT - 60)
    inventory.revoke("a2", reason="unspecified", by="ada", at=MOMENT - 50)
    made = load(crl.make(root, inventory, lifetime=86400, at=NOW))
    assert {one.serial_number for one in made} == {0xA1, 0xA2}
    assert made.is_signature_valid(root.certificate.public_key())
    assert made.issuer == root.certificate.subject
    assert (made.last_update_utc, made.next_update_utc) == (NOW, NOW + timedelta(days=1))
    entry = made.get_revoked_certificate_by_serial_number(0xA1)
    assert entry and entry.revocation_date_utc == NOW - timedelta(seconds=60)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    silent = made.get_revoked_certificate_by_serial_number(0xA2)
    assert silent and not list(silent.extensions)


def test_numbers_rise(inventory: Inventory, ca: Path) -> None:
    root = roots.load("consul", ca, PASSPHRASE)
    numbers = [
        load(crl.make(root, inventory, at=NOW)).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for _ in range(3)
    ]
    assert numbers == [MOMENT, MOMENT + 1, MOMENT + 2]


def test_an_intermediate_signs_where_it_issues(inventory: Inventory, ca: Path) -> None:
    rotation.make_intermediate("consul", ca, passphrase=PASSPHRASE)
    root = roots.load("consul", ca, PASSPHRASE)
    made = load(crl.make(root, inventory))
    assert made.issuer == root.certificate.subject != root.anchor.subject
    assert made.is_signature_valid(root.certificate.public_key())


def test_a_published_crl_brings_back_what_an_old_backup_forgot(inventory: Inventory, ca: Path, tmp_path: Path) -> None:
    root = roots.load("consul", ca, PASSPHRASE)
    inventory_backup.backup(tmp_path / "backup.sqlite", inventory.path)
    inventory.revoke("a1", reason="keyCompromise", by="ada", at=MOMENT)
    inventory.add([Record("a9", "consul", "peer", "a", "b/c", 0, MOMENT + 99, "F", 0)])
    inventory.revoke("a9", reason="unspecified", by="ada", at=MOMENT)
    published = crl.make(root, inventory, at=NOW)
    fresh = Inventory(tmp_path / "fresh.sqlite")
    inventory_backup.restore(tmp_path / "backup.sqlite", fresh.path)
    assert fresh.revocations() == []
    assert crl.merge(published, root, fresh) == 2
    again = load(crl.make(root, fresh, at=NOW - timedelta(hours=1)))
    assert {one.serial_number for one in again} == {0xA1, 0xA9}
    assert again.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == MOMENT + 1


def test_another_roots_crl_is_refused(inventory: Inventory, ca: Path) -> None:
    foreign = crl.make(roots.load("nomad", ca, PASSPHRASE), inventory)
    for wrong, told in ((foreign, "did not sign"), (b"nonsense", "cannot be read")):
        with pytest.raises(CertificateError, match=told):
            crl.merge(wrong, roots.load("consul", ca, PASSPHRASE), inventory)
