"""What nodes get: nothing for strangers, nothing by halves, everything on record."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from saltern import definition
from saltern.errors import CertificateError, SigningRefused
from saltern.model import Definition, LifeCycle, Node
from saltern.pki import chain, csr, leaf, member, roots
from saltern.pki.entitlements import certificates
from saltern.pki.inventory import Inventory
from saltern.registry import Registry
from saltern_ca import operations
from saltern_ca.operations import Core, Settings
from support_pki import PASSPHRASE, PROFILES, PROFILES_FILE


@pytest.fixture
def where(
    tmp_path: Path, ca: Path, declared: Path, cluster: Definition, monkeypatch: pytest.MonkeyPatch, nodes: list[Node]
) -> member.Places:
    registry = Registry(tmp_path / "registry.sqlite")
    for one in nodes:
        registry.add(one)
    monkeypatch.setattr(definition, "load_cached", lambda directory: cluster)
    return member.Places(
        "",
        str(tmp_path / "registry.sqlite"),
        str(ca),
        str(declared),
        str(PROFILES_FILE),
    )


def inventory(where: member.Places) -> Path:
    return Path(where.registry).parent / "state" / "inventory.sqlite"


def sign(caller: str, requests: object, where: member.Places) -> dict[str, str]:
    """As the runner does it, and the core behind its socket."""
    core = Core(Settings(where.roots, str(inventory(where)), profiles=where.profiles, directory=where.directory))
    core.unlock(PASSPHRASE)
    asked = [{"spec": spec.as_pillar(), "csr": text} for spec, text in member.entitled(caller, requests, where)]
    answer, records = operations.sign_node(core, json.loads(json.dumps({"node": caller, "requests": asked})))
    core.inventory.add(records)
    return dict(answer["certificates"])


@pytest.fixture
def nodes(server: Node, client: Node, support: Node) -> list[Node]:
    return [server, client, support]


def ask(node: Node, cluster: Definition, *labels: str) -> list[dict[str, str]]:
    wanted = [spec for spec in certificates(node, cluster, PROFILES) if not labels or spec.label in labels]
    return [{"application": one.application, "name": one.name, "csr": csr.make(csr.make_key(), one)} for one in wanted]


def test_everything_a_node_may_hold_in_one_call(where: member.Places, nodes: list[Node], cluster: Definition) -> None:
    for node in nodes:
        signed = sign(node.id, ask(node, cluster), where)
        assert set(signed) == {spec.label for spec in certificates(node, cluster, PROFILES)}
        for spec in certificates(node, cluster, PROFILES):
            leaves = chain.parse(signed[spec.label], spec.label)
            root = roots.certificate_of(spec.root, where.roots)
            assert leaf.problems(leaves, spec, [root], leaves[0].public_key()) == []
    held = Inventory(inventory(where)).records()
    assert len(held) == sum(len(certificates(node, cluster, PROFILES)) for node in nodes)
    assert {one.record.name for one in Inventory(inventory(where)).records("support")} == {
        "ca/support",
        "consul/consul",
        "support/support",
        "vault/consul",
        "vault/vault",
    }
    assert stat.S_IMODE(Path(inventory(where)).stat().st_mode) == 0o600


@pytest.mark.parametrize("caller", ["", "stranger-aaaaaa", "*", "../etc", "x" * 10000, "server-aaaaaa\n", "vm_master"])
def test_callers_that_are_no_node(caller: str, where: member.Places, server: Node, cluster: Definition) -> None:
    with pytest.raises(SigningRefused):
        sign(caller, ask(server, cluster), where)


def test_a_node_whose_key_is_not_proved(where: member.Places, cluster: Definition) -> None:
    node = Node("edge-cccccc", "edge", ("nomad-client",), "core", "general", "10.99.0.20", "", "", LifeCycle.CREATED)
    Registry(where.registry).add(node)
    with pytest.raises(SigningRefused, match="not proved"):
        sign(node.id, ask(node, cluster), where)


def test_requests_of_another_node(where: member.Places, server: Node, client: Node, cluster: Definition) -> None:
    with pytest.raises(SigningRefused, match="subject"):
        sign(client.id, ask(server, cluster, "consul/consul"), where)
    with pytest.raises(SigningRefused, match="not entitled to the certificate"):
        sign(client.id, ask(server, cluster, "vault/vault"), where)


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
def test_misshapen_requests(shape: str, where: member.Places, client: Node, cluster: Definition) -> None:
    with pytest.raises(SigningRefused) as refusal:
        sign(client.id, MISSHAPEN[shape](ask(client, cluster, "consul/consul")), where)
    assert len(str(refusal.value)) < 400
    assert Inventory(inventory(where)).records() == []


def test_one_bad_request_signs_none(where: member.Places, client: Node, server: Node, cluster: Definition) -> None:
    requests = [*ask(client, cluster), {**ask(client, cluster)[0], "name": "vault"}]
    with pytest.raises(SigningRefused):
        sign(client.id, requests, where)
    assert Inventory(inventory(where)).records() == []


def test_what_cannot_be_recorded_is_not_given_away(where: member.Places, client: Node, cluster: Definition) -> None:
    Path(inventory(where)).parent.mkdir()
    Path(inventory(where)).write_text("no database, but text that is long enough to be looked at " * 20)
    with pytest.raises(CertificateError, match="inventory"):
        sign(client.id, ask(client, cluster), where)


def test_places_from_the_masters_options() -> None:
    assert member.places({}) == member.Places()
    assert member.places({"saltern": {"registry": "/r", "journal": "/j"}}) == member.Places(registry="/r")
