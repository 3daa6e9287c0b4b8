"""Rotation, renewal and intermediates of a root: in order, whole after every kill, and never untrusted."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from saltern.errors import CertificateError
from saltern.model import Definition, Node
from saltern.pki import chain, csr, issuers, keys, leaf, roots, rotation
from saltern.pki.entitlements import CertificateSpec, certificates
from saltern.pki.renewal import FileFound, Found, decide
from saltern.pki.rotation import Phase
from support_pki import PASSPHRASE, PROFILES

YEAR = 365 * 86400
CHANGES = {"os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}


@pytest.fixture
def spec(server: Node, cluster: Definition) -> CertificateSpec:
    return certificates(server, cluster, PROFILES)[0]


def made(spec: CertificateSpec, ca: Path) -> tuple[bytes, str]:
    key = csr.make_key()
    issuer = roots.load("consul", ca, PASSPHRASE)
    return csr.key_pem(key), leaf.sign(issuer, csr.judge(csr.make(key, spec), spec), spec).pem


def problems(pem: str, ca: Path) -> list[str]:
    return chain.problems(chain.parse(pem, "leaf"), roots.trusted("consul", ca), chain.now())


def make_next(ca: Path) -> None:
    rotation.make_next("consul", ca, passphrase=PASSPHRASE, lifetime=YEAR)


def trust_next(ca: Path) -> None:
    rotation.trust_next("consul", ca)


def switch(ca: Path) -> None:
    rotation.switch("consul", ca, passphrase=PASSPHRASE)


def distrust_old(ca: Path) -> None:
    rotation.distrust_old("consul", ca)


def renew_root(ca: Path) -> None:
    rotation.renew_root("consul", ca, passphrase=PASSPHRASE, lifetime=20 * YEAR)


def make_intermediate(ca: Path) -> None:
    rotation.make_intermediate("consul", ca, passphrase=PASSPHRASE)


STEPS = (make_next, trust_next, switch, distrust_old)
PHASES = (Phase.MADE, Phase.TRUSTED, Phase.SWITCHED, Phase.STEADY)


def test_a_rotation_goes_through_its_phases(ca: Path, spec: CertificateSpec) -> None:
    first, old = roots.certificate_of("consul", ca), made(spec, ca)[1]
    assert rotation.state("consul", ca).phase is Phase.STEADY
    for step, phase in zip(STEPS, PHASES, strict=True):
        step(ca)
        assert rotation.state("consul", ca).phase is phase
        assert roots.trusted("consul", ca)[0] == roots.certificate_of("consul", ca)
        assert problems(made(spec, ca)[1], ca) == []
        assert (problems(old, ca) == []) == (step is not distrust_old)
    second = roots.certificate_of("consul", ca)
    assert [issuers.common_name(one) for one in (first, second)] == ["Test consul root", "Test consul root G2"]
    assert not (ca / "consul" / "generation-1").exists()
    for step in STEPS:
        step(ca)
    assert issuers.common_name(roots.certificate_of("consul", ca)) == "Test consul root G3"


@pytest.mark.parametrize(
    ("done", "refused"),
    [
        ((), (trust_next, switch)),
        (STEPS[:1], (switch, distrust_old, renew_root)),
        (STEPS[:2], (distrust_old, renew_root)),
        (STEPS[:3], (make_next, renew_root)),
    ],
)
def test_out_of_order_changes_nothing(
    done: tuple[Callable[[Path], None], ...], refused: tuple[Callable[[Path], None], ...], ca: Path
) -> None:
    for step in done:
        step(ca)
    before = rotation.state("consul", ca)
    for step in refused:
        with pytest.raises(CertificateError, match="is in phase"):
            step(ca)
    assert rotation.state("consul", ca) == before


def test_each_step_is_idempotent(ca: Path) -> None:
    for step in (*STEPS, renew_root, distrust_old, make_intermediate):
        step(ca)
        after = rotation.state("consul", ca)
        step(ca)
        assert rotation.state("consul", ca) == after


def kill_at(step: Callable[[Path], None], ca: Path, at: int) -> bool:
    """Runs the step in a process that kills itself before its change number ``at``; whether it got so far."""
    child = os.fork()
    if not child:
        left = at

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if (writes or event in CHANGES) and str(ca) in str(arguments):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            step(ca)
            os._exit(0)
        finally:
            os._exit(1)  # whatever went wrong: never on into pytest
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


KILLED: dict[str, tuple[tuple[Callable[[Path], None], ...], Callable[[Path], None]]] = {
    "make_next": ((), make_next),
    "trust_next": (STEPS[:1], trust_next),
    "switch": (STEPS[:2], switch),
    "distrust_old": (STEPS[:3], distrust_old),
    "renew_root": ((), renew_root),
    "make_intermediate": ((), make_intermediate),
    "renewal with an intermediate": ((make_intermediate,), renew_root),
}


@pytest.mark.parametrize("case", KILLED)
def test_a_kill_at_any_change_leaves_a_root_that_works(
    case: str, ca: Path, spec: CertificateSpec, tmp_path: Path
) -> None:
    before, step = KILLED[case]
    for one in before:
        one(ca)
    whole = tmp_path / "whole"
    shutil.copytree(ca / "consul", whole / "consul", symlinks=True)
    step(whole)
    wanted = rotation.state("consul", whole).phase
    for at in range(1000):
        copy = tmp_path / f"killed-{at}"
        shutil.copytree(ca / "consul", copy / "consul", symlinks=True)
        killed = kill_at(step, copy, at)
        rotation.state("consul", copy)
        assert problems(made(spec, copy)[1], copy) == []
        step(copy)
        assert rotation.state("consul", copy).phase is wanted
        assert problems(made(spec, copy)[1], copy) == []
        assert roots.trusted("consul", copy)[0] == roots.certificate_of("consul", copy)
        assert not list(copy.rglob(".*"))
        if not killed:
            break
    assert 3 < at < 999


def test_a_renewed_root_keeps_its_leaves(ca: Path, spec: CertificateSpec) -> None:
    first, old = roots.certificate_of("consul", ca), made(spec, ca)
    renew_root(ca)
    second = roots.certificate_of("consul", ca)
    assert second != first and second.public_key() == first.public_key() and second.subject == first.subject
    assert second.not_valid_after_utc > first.not_valid_after_utc
    assert roots.trusted("consul", ca) == [second, first]
    assert reissue(old, spec, ca) == ()
    distrust_old(ca)
    assert problems(old[1], ca) == []
    assert reissue(old, spec, ca) == ()


def reissue(pair: tuple[bytes, str], spec: CertificateSpec, ca: Path) -> tuple[str, ...]:
    found = Found(FileFound(pair[0], spec.key_mode, (0, 0)), FileFound(pair[1].encode(), 0o644, (0, 0)))
    return decide(found, spec, roots.trusted("consul", ca), (0, 0), chain.now()).reissue


def test_nodes_are_reissued_after_the_switch_and_not_before(ca: Path, spec: CertificateSpec) -> None:
    old = made(spec, ca)
    make_next(ca)
    trust_next(ca)
    assert reissue(old, spec, ca) == ()
    switch(ca)
    assert reissue(old, spec, ca) == ("its root is being replaced",)
    assert reissue(made(spec, ca), spec, ca) == ()
    distrust_old(ca)
    assert "not signed by" in reissue(old, spec, ca)[0]


def test_an_intermediate_issues_while_the_roots_key_is_offline(ca: Path, spec: CertificateSpec, tmp_path: Path) -> None:
    media = tmp_path / "media.pem"
    (ca / "vault" / "current" / "ca-key.pem").rename(media)
    with pytest.raises(CertificateError, match="lost"):
        roots.load("vault", ca, PASSPHRASE)
    with pytest.raises(CertificateError, match="not that of root"):
        other = ca / "nomad" / "current" / "ca-key.pem"
        rotation.make_intermediate("vault", ca, passphrase=PASSPHRASE, root_key_file=other)
    rotation.make_intermediate("vault", ca, passphrase=PASSPHRASE, root_key_file=media)
    state = rotation.state("vault", ca)
    assert state.offline and state.intermediate
    root = roots.load("vault", ca, PASSPHRASE)
    key = csr.make_key()
    issued = leaf.sign(root, csr.judge(csr.make(key, spec), spec), spec)
    both = chain.parse(issued.pem, "it")
    assert len(both) == 2
    assert leaf.problems(both, spec, roots.trusted("vault", ca), key.public_key()) == []
    assert "not signed by" in "; ".join(leaf.problems(both[:1], spec, [root.anchor], key.public_key()))
    rotation.renew_root("vault", ca, passphrase=PASSPHRASE, lifetime=20 * YEAR, root_key_file=media)
    assert rotation.state("vault", ca).offline
    assert leaf.problems(both, spec, roots.trusted("vault", ca), key.public_key()) == []


def test_a_root_with_an_intermediate_is_replaced_by_one_with_an_intermediate(ca: Path) -> None:
    make_intermediate(ca)
    for step in STEPS:
        step(ca)
    state, root = rotation.state("consul", ca), roots.load("consul", ca, PASSPHRASE)
    assert state.intermediate == root.certificate != root.anchor


def test_the_old_roots_key_signs_until_it_is_distrusted(ca: Path) -> None:
    first = roots.certificate_of("consul", ca)
    assert rotation.load_previous("consul", ca, passphrase=PASSPHRASE) is None
    for step in STEPS[:3]:
        step(ca)
    previous = rotation.load_previous("consul", ca, passphrase=PASSPHRASE)
    assert previous is not None and previous.anchor == first
    distrust_old(ca)
    assert rotation.load_previous("consul", ca, passphrase=PASSPHRASE) is None


def test_keys_of_every_generation_are_encrypted(ca: Path) -> None:
    make_intermediate(ca)
    make_next(ca)
    found = sorted((ca / "consul").glob("generation-*/*-key.pem"))
    assert len(found) == 4
    for path in found:
        assert keys.load(path, path.name, PASSPHRASE)
        with pytest.raises(TypeError):
            serialization.load_pem_private_key(path.read_bytes(), None)
