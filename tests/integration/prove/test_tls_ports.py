"""The probe against real Consul, Nomad and Vault: what each port serves, and whom it refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from saltern.pki import tls_probe
from saltern.waiting import until
from support_certificates import Leaf
from support_services import Bench

START_SECONDS = 60


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("ports"))
    try:
        made.consul(1)
        made.nomad(1, server=True)
        made.vault(1, {"inmem": {}})
        yield made
    finally:
        made.close()


def paths(leaf: Leaf) -> tuple[str, str]:
    return str(leaf.certificate), str(leaf.key)


@pytest.mark.parametrize(
    ("port", "preamble", "root", "name"),
    [
        (8300, tls_probe.CONSUL_RPC, "consul", "server.dc1.consul"),
        (8501, b"", "consul", "server.dc1.consul"),
        (8503, b"", "consul", "localhost"),
        (4646, b"", "nomad", "server.global.nomad"),
        (4647, tls_probe.NOMAD_RPC, "nomad", "server.global.nomad"),
        (8200, b"", "vault", "active.vault.service.consul"),
    ],
)
def test_each_port_serves_its_own_root_and_name(port: int, preamble: bytes, root: str, name: str, bench: Bench) -> None:
    address = bench.address(1)
    served = until(lambda: tls_probe.probe(address, port, preamble=preamble), f"port {port}", seconds=START_SECONDS)
    pem = {one: bench.roots[one].pem for one in ("consul", "nomad", "vault")}
    assert tls_probe.verify(served, pem[root], name) == []
    assert tls_probe.verify(served, pem[root], address) == []
    for other in pem.keys() - {root}:
        assert "not signed by" in "; ".join(tls_probe.verify(served, pem[other], name))


@pytest.mark.parametrize(
    ("port", "preamble", "root"), [(8300, tls_probe.CONSUL_RPC, "consul"), (4647, tls_probe.NOMAD_RPC, "nomad")]
)
def test_an_rpc_port_refuses_a_client_without_its_certificate(
    port: int, preamble: bytes, root: str, bench: Bench
) -> None:
    names = {"consul": ["client.dc1.consul"], "nomad": ["client.global.nomad"]}[root]
    own, foreign = (paths(bench.leaf(one, 9, names)) for one in (root, "vault"))
    address = bench.address(1)
    without = until(lambda: tls_probe.probe(address, port, preamble=preamble), f"port {port}", seconds=START_SECONDS)
    assert without.client_certificate_requested and "certificate required" in without.refused
    assert tls_probe.probe(address, port, preamble=preamble, client=foreign).refused
    assert tls_probe.probe(address, port, preamble=preamble, client=own).refused == ""
