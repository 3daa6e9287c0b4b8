"""Roots are made once, whole, and never replaced."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from saltern.errors import CertificateError, Problems
from saltern.pki import csr, issuers, keys, roots
from support_pki import PASSPHRASE


def content(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_made_once_and_never_touched_again(declared: Path, ca: Path) -> None:
    before = content(ca)
    assert len(before) == 12
    assert roots.ensure(declared, ca, passphrase=PASSPHRASE) == ()
    assert content(ca) == before
    assert roots.missing(declared, ca) == ()
    assert set(roots.trust(ca)) == {"consul", "nomad", "vault", "support"}


def test_files_modes_and_shape(ca: Path) -> None:
    for name in ("consul", "nomad", "vault", "support"):
        assert stat.S_IMODE((ca / name).stat().st_mode) == 0o755
        assert stat.S_IMODE((ca / name / "current" / "ca-key.pem").stat().st_mode) == 0o400
        assert stat.S_IMODE((ca / name / "current" / "ca.pem").stat().st_mode) == 0o444
        root = roots.load(name, ca, PASSPHRASE)
        assert isinstance(root.key.curve, ec.SECP256R1)
        constraints = root.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.critical and constraints.value.ca
        assert "PRIVATE" not in repr(root)


def test_a_strict_umask_changes_nothing(declared: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        (tmp_path / "strict").mkdir()
        roots.ensure(declared, tmp_path / "strict", passphrase=PASSPHRASE)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "strict" / "consul").stat().st_mode) == 0o755


def test_what_a_kill_left_out_is_completed(declared: Path, ca: Path) -> None:
    key = (ca / "vault" / "current" / "ca-key.pem").read_bytes()
    for lost in ("current", "trust.pem"):
        (ca / "vault" / lost).unlink()
        assert roots.missing(declared, ca) == ("vault",)
        assert roots.ensure(declared, ca, passphrase=PASSPHRASE) == ("vault",)
        assert (ca / "vault" / "current" / "ca-key.pem").read_bytes() == key


def test_the_key_is_encrypted_and_another_passphrase_is_named(ca: Path) -> None:
    pem = (ca / "consul" / "current" / "ca-key.pem").read_bytes()
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    with pytest.raises(CertificateError, match="wrong unlock key"):
        roots.load("consul", ca, b"another")
    with pytest.raises(CertificateError, match="empty"):
        roots.load("consul", ca, b"")


def test_a_key_that_lies_there_in_clear_is_refused(ca: Path) -> None:
    path = ca / "consul" / "current" / "ca-key.pem"
    clear = csr.key_pem(roots.load("consul", ca, PASSPHRASE).key)  # type: ignore[arg-type]
    path.unlink()
    path.write_bytes(clear)
    with pytest.raises(CertificateError, match="not encrypted"):
        roots.load("consul", ca, PASSPHRASE)


def test_a_root_is_taken_over(tmp_path: Path) -> None:
    key = keys.make()
    certificate = issuers.pem(issuers.self_signed("Old root", 86400, key))
    roots.adopt("old", tmp_path, PASSPHRASE, certificate, csr.key_pem(key))
    assert roots.load("old", tmp_path, PASSPHRASE).key.public_key() == key.public_key()
    assert roots.trust(tmp_path) == {"old": certificate.decode()}
    with pytest.raises(CertificateError, match="exists already"):
        roots.adopt("old", tmp_path, PASSPHRASE, certificate, csr.key_pem(key))
    with pytest.raises(CertificateError, match="no root with its key"):
        roots.adopt("other", tmp_path, PASSPHRASE, certificate, csr.key_pem(csr.make_key()))
    assert roots.names(tmp_path) == ("old",)


def test_links_for_people_never_replace_a_file(ca: Path, tmp_path: Path) -> None:
    (tmp_path / "etc" / "consul").mkdir(parents=True)
    (tmp_path / "etc" / "consul" / "ca-key.pem").write_text("the only copy")
    with pytest.raises(CertificateError, match="is a file"):
        roots.publish(ca, tmp_path / "etc")
    assert (tmp_path / "etc" / "consul" / "ca-key.pem").read_text() == "the only copy"


def test_a_lost_key_is_an_error_and_not_a_new_root(declared: Path, ca: Path) -> None:
    (ca / "vault" / "current" / "ca-key.pem").unlink()
    before = content(ca)
    with pytest.raises(CertificateError, match="lost"):
        roots.ensure(declared, ca, passphrase=PASSPHRASE)
    assert content(ca) == before


def test_a_foreign_key_is_an_error(declared: Path, ca: Path) -> None:
    (ca / "vault" / "current" / "ca-key.pem").unlink()
    (ca / "vault" / "current" / "ca-key.pem").write_bytes((ca / "nomad" / "current" / "ca-key.pem").read_bytes())
    with pytest.raises(CertificateError, match="do not belong together"):
        roots.ensure(declared, ca, passphrase=PASSPHRASE)


def test_a_key_that_others_can_read_is_an_error(declared: Path, ca: Path) -> None:
    (ca / "nomad" / "current" / "ca-key.pem").chmod(0o440)
    with pytest.raises(CertificateError, match="0400"):
        roots.verify(declared, ca, passphrase=PASSPHRASE)


def _ensure(declared: Path, directory: Path) -> tuple[str, ...]:
    return roots.ensure(declared, directory, passphrase=PASSPHRASE)


def test_processes_at_once_agree(declared: Path, tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    directory.mkdir()
    with ProcessPoolExecutor(4) as pool:
        made = [future.result() for future in [pool.submit(_ensure, declared, directory) for _ in range(8)]]
    assert sorted(name for names in made for name in names) == ["consul", "nomad", "support", "vault"]
    assert all(not path.name.startswith(".") for path in directory.rglob("*"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "`roots` is missing"),
        ("roots: [consul]", "must be a mapping"),
        ("roots: {consul: {common_name: x}}", "`lifetime` is missing"),
        ("roots: {consul: {common_name: x, lifetime: 10}}", "no duration"),
        ("roots: {../etc: {common_name: x, lifetime: 10d}}", "cannot be a name"),
        ("roots: {consul: {common_name: x, lifetime: 10d, key: y}}", "unknown key"),
        ("more: 1\nroots: {}", "unknown key"),
        (f"roots: {{consul: {{common_name: {'x' * 47}, lifetime: 10d}}}}", "1 to 46"),
    ],
)
def test_wrong_declarations(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "roots.yaml"
    file.write_text(text)
    with pytest.raises(Problems, match=told):
        roots.declared(file)


def test_the_shipped_declaration() -> None:
    file = Path(__file__).parents[3] / "pillar" / "pki" / "roots.yaml"
    assert [spec.name for spec in roots.declared(file)] == ["consul", "nomad", "vault", "support"]
