"""Files on the node: verified before they are installed, exact in owner and mode, a pair switched together."""

from __future__ import annotations

import getpass
import grp
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from saltern.errors import CertificateError
from saltern.model import Definition, Node
from saltern.pki import csr, leaf, roots
from saltern.pki.deployed import Deployed, Pending
from saltern.pki.entitlements import CertificateSpec, certificates
from support_pki import PASSPHRASE, PROFILES


@pytest.fixture
def spec(server: Node, cluster: Definition) -> CertificateSpec:
    mine = {"user": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}
    return replace(certificates(server, cluster, PROFILES)[0], **mine)


@pytest.fixture
def deployed(tmp_path: Path, ca: Path, declared: Path) -> Deployed:
    (tmp_path / "node").mkdir()
    return Deployed(roots.trust(ca), tmp_path / "node")


def signed(pending: Pending, ca: Path, root: str = "") -> str:
    root = root or pending.spec.root
    return leaf.sign(
        roots.load(root, ca, PASSPHRASE), csr.judge(pending.request["csr"], pending.spec), pending.spec
    ).pem


def snapshot(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mode, p.read_bytes()) for p in sorted(directory.rglob("*")) if p.is_file()}


def test_issued_installed_and_then_nothing_to_do(
    deployed: Deployed, spec: CertificateSpec, ca: Path, tmp_path: Path
) -> None:
    assert deployed.decide(spec).reissue == ("key and certificate missing",)
    deployed.install_trust((spec,), deployed.wrong_trust((spec,)))
    pending = deployed.pending(spec)
    deployed.install([(pending, signed(pending, ca))])
    assert deployed.decide(spec).reissue == deployed.decide(spec).repair == ()
    assert deployed.wrong_trust((spec,)) == {}
    directory = tmp_path / "node" / "consul"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes == {"consul.pem": 0o644, "consul-key.pem": 0o400, "consul-ca.pem": 0o644}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755


def test_one_wrong_answer_installs_none(deployed: Deployed, spec: CertificateSpec, ca: Path, tmp_path: Path) -> None:
    other = replace(spec, application="nomad")
    first, second = deployed.pending(spec), deployed.pending(other)
    stranger = signed(replace(second, request=deployed.pending(other).request), ca)
    for wrong in (stranger, signed(second, ca, "vault"), "", "nonsense"):
        with pytest.raises(CertificateError):
            deployed.install([(first, signed(first, ca)), (second, wrong)])
    assert snapshot(tmp_path / "node") == {}


def test_a_renewal_replaces_both_files(deployed: Deployed, spec: CertificateSpec, ca: Path, tmp_path: Path) -> None:
    for _ in range(2):
        before = snapshot(tmp_path / "node")
        pending = deployed.pending(spec)
        deployed.install([(pending, signed(pending, ca))])
        after = snapshot(tmp_path / "node")
        assert all(before.get(path) != found for path, found in after.items())
        assert deployed.decide(spec).reissue == ()
    assert len(after) == 2


def test_a_full_disk_keeps_the_old_pair(
    deployed: Deployed, spec: CertificateSpec, ca: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = deployed.pending(spec)
    deployed.install([(pending, signed(pending, ca))])
    before, real, calls = snapshot(tmp_path / "node"), os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    again = deployed.pending(spec)
    with pytest.raises(CertificateError, match="No space left"):
        deployed.install([(again, signed(again, ca))])
    assert snapshot(tmp_path / "node") == before


def test_owner_and_mode_are_repaired(deployed: Deployed, spec: CertificateSpec, ca: Path, tmp_path: Path) -> None:
    pending = deployed.pending(spec)
    deployed.install([(pending, signed(pending, ca))])
    before = snapshot(tmp_path / "node")
    (tmp_path / "node" / "consul" / "consul-key.pem").chmod(0o600)
    (tmp_path / "node" / "consul" / "consul.pem").chmod(0o600)
    assert len(deployed.decide(spec).repair) == 2
    deployed.repair(spec)
    assert snapshot(tmp_path / "node") == before


def test_a_link_in_place_of_a_key_is_not_followed(
    deployed: Deployed, spec: CertificateSpec, ca: Path, tmp_path: Path
) -> None:
    pending = deployed.pending(spec)
    deployed.install([(pending, signed(pending, ca))])
    key, elsewhere = tmp_path / "node" / "consul" / "consul-key.pem", tmp_path / "elsewhere"
    key.rename(elsewhere)
    key.symlink_to(elsewhere)
    content = elsewhere.read_bytes()
    assert deployed.decide(spec).reissue == ("key missing",)
    again = deployed.pending(spec)
    deployed.install([(again, signed(again, ca))])
    assert not key.is_symlink() and elsewhere.read_bytes() == content


def test_an_unknown_user_is_told_with_its_cure(deployed: Deployed, spec: CertificateSpec, ca: Path) -> None:
    unknown = replace(spec, user="no-such-user")
    pending = deployed.pending(unknown)
    with pytest.raises(CertificateError, match="no-such-user"):
        deployed.install([(pending, signed(pending, ca))])


def test_an_untrusted_root_is_told_with_its_cure(tmp_path: Path, spec: CertificateSpec) -> None:
    with pytest.raises(CertificateError, match=r"ca\.init"):
        Deployed({}, tmp_path).decide(spec)


def test_removal_leaves_the_authority_alone(spec: CertificateSpec, ca: Path, tmp_path: Path) -> None:
    ssl = tmp_path / "support"  # as on the support server, where links to the root lie in the same directory
    ssl.mkdir()
    roots.publish(ca, ssl)
    beside = Deployed(roots.trust(ca), ssl)
    pending = beside.pending(spec)
    beside.install_trust((spec,), beside.wrong_trust((spec,)))
    beside.install([(pending, signed(pending, ca))])
    assert len(beside.leftovers("consul")) == 3
    beside.remove("consul")
    assert sorted(path.name for path in (ssl / "consul").iterdir()) == ["ca-key.pem", "ca.pem"]
    assert (ssl / "consul" / "ca.pem").read_bytes() == roots.trust(ca)["consul"].encode()


def test_what_lies_in_the_way_is_told_by_its_path(deployed: Deployed, spec: CertificateSpec, tmp_path: Path) -> None:
    (tmp_path / "node" / "consul" / "consul.pem").mkdir(parents=True)
    with pytest.raises(CertificateError, match=r"consul\.pem is no file"):
        deployed.decide(spec)
    assert deployed.installed(spec) is None
