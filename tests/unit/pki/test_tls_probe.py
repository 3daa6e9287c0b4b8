"""The probe against real TLS servers on the loopback: what they serve, and whether they refuse a client."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from saltern.errors import ServiceError
from saltern.model import Custody, Definition, Node
from saltern.pki import chain, csr, leaf, roots, tls_probe
from saltern.pki.entitlements import CertificateSpec, certificates
from support_pki import PASSPHRASE, PROFILES

CLUSTER = Definition(
    "t", "dc1", "global", "lab", ("ipv4",), "transit", "lan", Custody(1, ("a",)), {}, {}, {}, {}, 86400 * 45, 86400, 5
)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    declared = tmp_path / "roots.yaml"
    declared.write_text("roots: {consul: {common_name: R, lifetime: 900d}, vault: {common_name: V, lifetime: 900d}}")
    (tmp_path / "ssl").mkdir()
    roots.ensure(declared, tmp_path / "ssl", passphrase=PASSPHRASE)
    return tmp_path / "ssl"


@pytest.fixture
def spec() -> CertificateSpec:
    return certificates(
        Node("server-a", "server", ("consul-server",), "core", "general", "10.99.0.11"), CLUSTER, PROFILES
    )[0]


@pytest.fixture
def pem(ca: Path) -> str:
    return (ca / "consul" / "trust.pem").read_text()


def pair(ca: Path, spec: CertificateSpec, root: str = "consul", days: int = 0) -> tuple[str, str]:
    """Paths of a certificate and its key."""
    key = csr.make_key()
    at = chain.now() + timedelta(days=days)
    made = leaf.sign(roots.load(root, ca, PASSPHRASE), csr.judge(csr.make(key, spec), spec), spec, at)
    stem = ca / f"{root}-{spec.profile}-{days}"
    stem.with_suffix(".pem").write_text(made.pem)
    stem.with_suffix(".key").write_bytes(csr.key_pem(key))
    return str(stem.with_suffix(".pem")), str(stem.with_suffix(".key"))


@contextlib.contextmanager
def serving(
    own: tuple[str, str], *, trust: str = "", preamble: bytes = b"", newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[int]:
    """A TLS server on the loopback; with ``trust`` it demands a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*own)
    context.maximum_version = newest
    if trust:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=trust)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                if preamble and connection.recv(len(preamble)) != preamble:
                    continue
                with context.wrap_socket(connection, server_side=True) as tls:
                    tls.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_what_is_served_and_that_it_is_right(ca: Path, spec: CertificateSpec, pem: str) -> None:
    with serving(pair(ca, spec)) as port:
        served = tls_probe.probe("127.0.0.1", port)
    assert served.protocol == "TLSv1.3"
    assert (served.client_certificate_requested, served.refused) == (False, "")
    for name in ("server.dc1.consul", "127.0.0.1", "10.99.0.11", "::1"):
        assert tls_probe.verify(served, pem, name) == []


def test_what_is_wrong_is_named(ca: Path, spec: CertificateSpec, pem: str) -> None:
    with serving(pair(ca, replace(spec, usages=PROFILES["client"].usages), "vault")) as port:
        served = tls_probe.probe("127.0.0.1", port)
    told = "; ".join(tls_probe.verify(served, pem, "server.dc2.consul"))
    assert "not signed by" in told
    assert "does not carry the name server.dc2.consul" in told
    assert "not for a server" in told


def test_a_certificate_of_tomorrow_is_seen_all_the_same(ca: Path, spec: CertificateSpec, pem: str) -> None:
    with serving(pair(ca, spec, days=1)) as port:
        served = tls_probe.probe("127.0.0.1", port)
    assert served.fingerprint
    assert "not valid before" in tls_probe.verify(served, pem, "localhost")[0]


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_a_client_without_certificate_is_refused(
    newest: ssl.TLSVersion, ca: Path, spec: CertificateSpec, pem: str
) -> None:
    with serving(pair(ca, spec), trust=pem, newest=newest) as port:
        without = tls_probe.probe("127.0.0.1", port)
        right = tls_probe.probe("127.0.0.1", port, client=pair(ca, spec))
        wrong = tls_probe.probe("127.0.0.1", port, client=pair(ca, spec, "vault"))
    assert without.client_certificate_requested and without.refused
    assert wrong.client_certificate_requested and wrong.refused
    assert right.client_certificate_requested and right.refused == ""


def test_a_preamble_opens_an_rpc_port(ca: Path, spec: CertificateSpec, pem: str) -> None:
    with serving(pair(ca, spec), preamble=tls_probe.NOMAD_RPC) as port:
        assert (
            tls_probe.verify(tls_probe.probe("127.0.0.1", port, preamble=tls_probe.NOMAD_RPC), pem, "localhost") == []
        )
        with pytest.raises(ServiceError):
            tls_probe.probe("127.0.0.1", port)


def test_nobody_there_or_no_tls() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with listener, pytest.raises(ServiceError, match="timed out"):
        tls_probe.probe("127.0.0.1", port, timeout=0.3)  # it listens and says nothing
    with pytest.raises(ServiceError, match="refused"):
        tls_probe.probe("127.0.0.1", port)


def test_no_certificate_is_a_problem(pem: str) -> None:
    assert tls_probe.verify(tls_probe.Served("a", 1, "", (), True, "x"), pem, "a") == ["no certificate was served"]
