"""The signing core: nothing for strangers, nothing by halves, everything on record."""

from __future__ import annotations

import stat
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from saltern import definition
from saltern.errors import CertificateError, SigningRefused
from saltern.model import Definition, LifeCycle, Node
from saltern.pki import authority, chain, csr, leaf, roots
from saltern.pki.entitlements import certificates
from saltern.pki.inventory import Inventory, record
from saltern.registry import Registry


@pytest.fixture
def where(
    tmp_path: Path, ca: Path, declared: Path, cluster: Definition, monkeypatch: pytest.MonkeyPatch, nodes: list[Node]
) -> authority.Places:
    registry = Registry(tmp_path / "registry.sqlite")
    for one in nodes:
        registry.add(one)
    monkeypatch.setattr(definition, "load_cached", lambda directory: cluster)
    return authority.Places(
        "", str(tmp_path / "registry.sqlite"), str(ca), str(declared), str(tmp_path / "state" / "pki.sqlite")
    )


@pytest.fixture
def nodes(server: Node, client: Node, support: Node) -> list[Node]:
    return [server, client, support]


def ask(node: Node, cluster: Definition, *labels: str) -> list[dict[str, str]]:
    wanted = [spec for spec in certificates(node, cluster) if not labels or spec.label in labels]
    return [{"application": one.application, "name": one.name, "csr": csr.make(csr.make_key(), one)} for one in wanted]


def test_everything_a_node_may_hold_in_one_call(
    where: authority.Places, nodes: list[Node], cluster: Definition
) -> None:
    for node in nodes:
        signed = authority.sign(node.id, ask(node, cluster), where)
        assert set(signed) == {spec.label for spec in certificates(node, cluster)}
        for spec in certificates(node, cluster):
            leaves = chain.parse(signed[spec.label], spec.label)
            root = roots.certificate_of(spec.root, where.roots)
            assert leaf.problems(leaves, spec, root, leaves[0].public_key()) == []
    held = Inventory(where.inventory).records()
    assert len(held) == sum(len(certificates(node, cluster)) for node in nodes)
    assert {one.name for one in Inventory(where.inventory).records(node="support")} == {
        "consul/consul",
        "support/support",
        "vault/consul",
        "vault/vault",
    }
    assert stat.S_IMODE(Path(where.inventory).stat().st_mode) == 0o600


@pytest.mark.parametrize("caller", ["", "stranger-aaaaaa", "*", "../etc", "x" * 10000, "server-aaaaaa\n", "vm_master"])
def test_callers_that_are_no_node(caller: str, where: authority.Places, server: Node, cluster: Definition) -> None:
    with pytest.raises(SigningRefused):
        authority.sign(caller, ask(server, cluster), where)


def test_a_node_whose_key_is_not_proved(where: authority.Places, cluster: Definition) -> None:
    node = Node("edge-cccccc", "edge", ("nomad-client",), "core", "general", "10.99.0.20", "", "", LifeCycle.CREATED)
    Registry(where.registry).add(node)
    with pytest.raises(SigningRefused, match="not proved"):
        authority.sign(node.id, ask(node, cluster), where)


def test_requests_of_another_node(where: authority.Places, server: Node, client: Node, cluster: Definition) -> None:
    with pytest.raises(SigningRefused, match="subject"):
        authority.sign(client.id, ask(server, cluster, "consul/consul"), where)
    with pytest.raises(SigningRefused, match="not entitled to the certificate"):
        authority.sign(client.id, ask(server, cluster, "vault/vault"), where)


MISSHAPEN: dict[str, Callable[[list[dict[str, str]]], object]] = {
    "nothing": lambda good: None,
    "empty": lambda good: [],
    "text": lambda good: "consul",
    "a mapping": lambda good: good[0],
    "seventeen": lambda good: good * 17,
    "twice": lambda good: [good[0], good[0]],
    "texts": lambda good: ["consul"],
    "lists": lambda good: [[good]],
    "more keys": lambda good: [{**good[0], "lifetime": "10y"}],
    "fewer keys": lambda good: [{"application": "consul", "name": "consul"}],
    "foreign profile": lambda good: [{**good[0], "profile": "server"}],
    "profile of another type": lambda good: [{**good[0], "profile": ["peer"]}],
    "a path as name": lambda good: [{**good[0], "name": "../../etc/shadow"}],
    "a list as name": lambda good: [{**good[0], "name": ["consul"]}],
    "an unknown application": lambda good: [{**good[0], "application": "x" * 100_000}],
    "a root's name": lambda good: [{**good[0], "name": "ca"}],
    "no request": lambda good: [{**good[0], "csr": None}],
}


@pytest.mark.parametrize("shape", MISSHAPEN)
def test_misshapen_requests(shape: str, where: authority.Places, client: Node, cluster: Definition) -> None:
    with pytest.raises(SigningRefused) as refusal:
        authority.sign(client.id, MISSHAPEN[shape](ask(client, cluster, "consul/consul")), where)
    assert len(str(refusal.value)) < 400
    assert Inventory(where.inventory).records() == []


def test_one_bad_request_signs_none(where: authority.Places, client: Node, server: Node, cluster: Definition) -> None:
    requests = [*ask(client, cluster), {**ask(client, cluster)[0], "name": "vault"}]
    with pytest.raises(SigningRefused):
        authority.sign(client.id, requests, where)
    assert Inventory(where.inventory).records() == []


def test_what_cannot_be_recorded_is_not_given_away(where: authority.Places, client: Node, cluster: Definition) -> None:
    Path(where.inventory).parent.mkdir()
    Path(where.inventory).write_text("no database, but text that is long enough to be looked at " * 20)
    with pytest.raises(CertificateError, match="inventory"):
        authority.sign(client.id, ask(client, cluster), where)


def _add(path: str, ca: str, number: int) -> None:
    root = roots.load("consul", ca).certificate
    one = record(root, root="consul", node=f"n{number}", name="consul/consul")
    for turn in range(10):
        Inventory(path).add([type(one)(**{**vars(one), "serial": f"{number}-{turn}"})])


def test_processes_at_once_lose_nothing(tmp_path: Path, ca: Path) -> None:
    path = str(tmp_path / "new" / "pki.sqlite")
    with ProcessPoolExecutor(6) as pool:
        for future in [pool.submit(_add, path, str(ca), number) for number in range(6)]:
            future.result()
    assert len(Inventory(path).records()) == 60


def test_places_from_the_masters_options() -> None:
    assert authority.places({}) == authority.Places()
    assert authority.places({"saltern": {"registry": "/r", "journal": "/j"}}) == authority.Places(registry="/r")
