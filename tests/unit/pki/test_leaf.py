"""What is signed, and that a node notices every way in which an answer can be wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from saltern.errors import CertificateError
from saltern.model import Definition, Node
from saltern.pki import chain, csr, leaf, roots
from saltern.pki.entitlements import CertificateSpec, certificates
from support_pki import PASSPHRASE, PROFILES


@pytest.fixture
def spec(server: Node, cluster: Definition) -> CertificateSpec:
    return certificates(server, cluster, PROFILES)[0]


@pytest.fixture
def root(ca: Path) -> roots.Root:
    return roots.load("consul", ca, PASSPHRASE)


def issued(root: roots.Root, spec: CertificateSpec, key: ec.EllipticCurvePrivateKey, **when: int) -> leaf.Issued:
    at = chain.now() + timedelta(**when)
    return leaf.sign(root, csr.judge(csr.make(key, spec), spec), spec, at)


def test_shape(root: roots.Root, spec: CertificateSpec) -> None:
    key = csr.make_key()
    made = issued(root, spec, key).certificate
    extensions = {one.oid._name: one for one in made.extensions}
    assert extensions["basicConstraints"].critical and not extensions["basicConstraints"].value.ca
    assert extensions["keyUsage"].critical and extensions["keyUsage"].value.digital_signature
    assert not extensions["keyUsage"].value.key_cert_sign
    both = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert set(extensions["extendedKeyUsage"].value) == both
    own = root.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert extensions["authorityKeyIdentifier"].value.key_identifier == own.digest
    assert "subjectKeyIdentifier" in extensions
    assert 0 < made.serial_number < 2**159
    assert timedelta(minutes=4) < chain.now() - made.not_valid_before_utc < timedelta(minutes=6)
    assert abs(made.not_valid_after_utc - chain.now() - timedelta(seconds=spec.lifetime)) < timedelta(minutes=1)


def test_an_independent_verifier_agrees(root: roots.Root, spec: CertificateSpec) -> None:
    made = issued(root, spec, csr.make_key()).certificate
    policy = verification.PolicyBuilder().store(verification.Store([root.certificate]))
    for name in ("server.dc1.consul", "localhost"):
        policy.build_server_verifier(x509.DNSName(name)).verify(made, [])
    policy.build_client_verifier().verify(made, [])
    with pytest.raises(verification.VerificationError):
        policy.build_server_verifier(x509.DNSName("server.dc2.consul")).verify(made, [])


def test_a_good_answer_has_no_problems(root: roots.Root, spec: CertificateSpec) -> None:
    key = csr.make_key()
    made = issued(root, spec, key)
    assert leaf.problems(chain.parse(made.pem, "it"), spec, [root.certificate], key.public_key()) == []


def test_wrong_answers_are_noticed(root: roots.Root, spec: CertificateSpec, ca: Path) -> None:
    key = csr.make_key()

    def told(made: leaf.Issued, **spec_change: object) -> str:
        wanted = replace(spec, **spec_change)
        return "; ".join(leaf.problems([made.certificate], wanted, [root.certificate], key.public_key()))

    good = issued(root, spec, key)
    assert "another key" in told(issued(root, spec, csr.make_key()))
    assert "not signed by" in told(issued(roots.load("vault", ca, PASSPHRASE), spec, key))
    assert "not valid before" in told(issued(root, spec, key, days=1))
    later = chain.now() + timedelta(days=46)
    assert "expired" in "; ".join(leaf.problems([good.certificate], spec, [root.certificate], key.public_key(), later))
    assert "lacks the names extra" in told(good, dns=(*spec.dns, "extra"))
    assert "foreign names localhost" in told(good, dns=tuple(one for one in spec.dns if one != "localhost"))
    assert "foreign names ::1" in told(good, ip=tuple(one for one in spec.ip if one != "::1"))
    assert "usages" in told(good, usages=("digital signature", "client auth"))
    assert "subject" in told(good, common_name="another")
    assert leaf.problems([], spec, [root.certificate], key.public_key()) == ["there is no certificate"]
    assert "no leaf" in "; ".join(leaf.problems([root.certificate], spec, [root.certificate], key.public_key()))


def test_a_leaf_never_outlives_its_root(root: roots.Root, spec: CertificateSpec) -> None:
    long = replace(spec, lifetime=100 * 365 * 86400)
    made = issued(root, long, csr.make_key())
    assert made.certificate.not_valid_after_utc == root.certificate.not_valid_after_utc
    with pytest.raises(CertificateError, match="cannot sign"):
        issued(root, spec, csr.make_key(), days=4000)


def test_a_leaf_cannot_sign(root: roots.Root, spec: CertificateSpec) -> None:
    key = csr.make_key()
    first = issued(root, spec, key).certificate
    false = roots.Root("consul", first, key, first)
    second = leaf.sign(false, csr.judge(csr.make(key, spec), spec), spec).certificate
    assert "may not sign" in "; ".join(chain.problems([second, first], [root.certificate], chain.now()))
