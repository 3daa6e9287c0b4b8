"""When a certificate is issued again, and when its files are only put right."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from saltern.model import Definition, Node
from saltern.pki import chain, csr, leaf, renewal, roots
from saltern.pki.entitlements import CertificateSpec, certificates
from saltern.pki.renewal import FileFound, Found
from support_pki import PASSPHRASE, PROFILES

OWNER = (500, 501)


@pytest.fixture
def spec(server: Node, cluster: Definition) -> CertificateSpec:
    return certificates(server, cluster, PROFILES)[0]


@pytest.fixture
def root(ca: Path) -> roots.Root:
    return roots.load("consul", ca, PASSPHRASE)


@pytest.fixture
def found(root: roots.Root, spec: CertificateSpec) -> Found:
    key = csr.make_key()
    made = leaf.sign(root, csr.judge(csr.make(key, spec), spec), spec)
    return Found(FileFound(csr.key_pem(key), 0o400, OWNER), FileFound(made.pem.encode(), 0o644, OWNER))


def decide(found: Found, spec: CertificateSpec, root: roots.Root, at: datetime | None = None) -> renewal.Decision:
    return renewal.decide(found, spec, [root.certificate], OWNER, at or chain.now())


def test_a_good_certificate_needs_nothing(found: Found, spec: CertificateSpec, root: roots.Root) -> None:
    assert decide(found, spec, root) == renewal.Decision()


def test_two_thirds_of_life_is_the_border(found: Found, spec: CertificateSpec, root: roots.Root) -> None:
    border = renewal.renew_after(chain.parse(found.certificate.content, "it")[0], spec.common_name)
    assert decide(found, spec, root, border - timedelta(seconds=1)) == renewal.Decision()
    assert "two thirds" in decide(found, spec, root, border).reissue[0]
    expired = decide(found, spec, root, border + timedelta(days=40))
    assert len(expired.reissue) == 1 and "expired" in expired.reissue[0]


def test_nodes_renew_at_moments_of_their_own_never_after_two_thirds(found: Found) -> None:
    certificate = chain.parse(found.certificate.content, "it")[0]
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    moments = [renewal.renew_after(certificate, f"general-{number:06}") for number in range(200)]
    assert len(set(moments)) == 200
    shares = [(moment - begin) / (end - begin) for moment in moments]
    assert 2 / 3 - 1 / 20 - 1e-9 <= min(shares) < 0.63 < 0.65 < max(shares) <= 2 / 3 + 1e-9
    assert renewal.renew_after(certificate, "general-000000") == moments[0], "and always at the same"


def test_the_kind_of_a_decision_in_a_word(found: Found, spec: CertificateSpec, root: roots.Root, ca: Path) -> None:
    due = renewal.renew_after(chain.parse(found.certificate.content, "it")[0], spec.common_name)
    assert decide(found, spec, root).kind == ""
    assert decide(found, spec, root, due).kind == "expiring"
    assert decide(found, spec, roots.load("nomad", ca, PASSPHRASE)).kind == "wrong-root"
    assert decide(Found(None, found.certificate), spec, root).kind == "invalid"
    assert decide(found, replace(spec, dns=("another",)), root).kind == "invalid"
    assert decide(replace(found, key=replace(found.key, mode=0o440)), spec, root).kind == "access"


def test_reasons_to_issue_again(found: Found, spec: CertificateSpec, root: roots.Root, ca: Path) -> None:
    def reason(changed: Found, wanted: CertificateSpec = spec, under: roots.Root = root) -> str:
        decision = decide(changed, wanted, under)
        assert not decision.repair
        return "; ".join(decision.reissue)

    key, certificate = found.key, found.certificate
    assert reason(Found(None, None)) == "key and certificate missing"
    assert reason(Found(None, certificate)) == "key missing"
    assert reason(Found(key, None)) == "certificate missing"
    assert "key cannot be read" in reason(Found(replace(key, content=b"x"), certificate))
    assert "no readable certificate" in reason(Found(key, replace(certificate, content=b"")))
    assert "another certificate" in reason(Found(replace(key, content=csr.key_pem(csr.make_key())), certificate))
    assert "everybody" in reason(Found(replace(key, mode=0o404), certificate))
    assert "not signed by" in reason(found, under=roots.load("vault", ca, PASSPHRASE))
    assert "lacks the names x" in reason(found, replace(spec, dns=(*spec.dns, "x")))
    assert "usages" in reason(found, replace(spec, usages=("client auth",)))
    old = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert "no elliptic-curve key" in reason(Found(replace(key, content=old), certificate))


def test_owner_and_mode_are_put_right_without_a_new_key(found: Found, spec: CertificateSpec, root: roots.Root) -> None:
    decision = decide(Found(replace(found.key, mode=0o600), replace(found.certificate, owner=(0, 0))), spec, root)
    assert decision.reissue == ()
    assert decision.repair == (
        "mode of the key is 0600, not 0400",
        "owner of the certificate is 0:0, not 500:501",
    )


def test_no_key_in_any_text(found: Found, spec: CertificateSpec, root: roots.Root) -> None:
    assert "PRIVATE" not in repr(found)
    assert "PRIVATE" not in repr(decide(found, spec, root))
