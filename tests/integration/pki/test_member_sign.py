"""``member.sign`` over Salt's real channel: whose certificate it is, is decided by the key that the master accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import support_pki
from saltern.pki.inventory import Inventory
from support_pki import CLIENT, SERVER


@pytest.fixture
def issued(authority: support_pki.Authority) -> Any:
    """How many leaves of each node there are."""
    return lambda: [one.record.asker for one in Inventory(authority.inventory).records()]


def test_the_state_gets_every_certificate_in_one_call(
    minion: Any, authority: support_pki.Authority, ssl: Path, issued: Any
) -> None:
    call = minion.salt_call_cli()
    arguments = {"certificates": support_pki.pillar(CLIENT), "trust": authority.trust}
    first = call.run("state.single", "node_cert.managed", name="certificates", **arguments)
    assert first.returncode == 0, first
    (state,) = first.data.values()
    assert state["result"] is True, state["comment"]
    assert "PRIVATE" not in json.dumps(first.data)
    assert issued() == [CLIENT.id] * 5
    assert len(list(ssl.rglob("*-key.pem"))) == 5
    (again,) = call.run("state.single", "node_cert.managed", name="certificates", **arguments).data.values()
    assert (again["result"], again["changes"]) == (True, {})
    assert len(issued()) == 5


def test_a_good_request_is_signed(send: Any) -> None:
    answer = send("member.sign", [[support_pki.request(CLIENT, "consul/consul")]])
    assert list(answer["certificates"]) == ["consul/consul"]


REQUESTS = {
    "another's names": lambda: [support_pki.request(SERVER, "consul/consul")],
    "another's certificate": lambda: [support_pki.request(SERVER, "vault/vault")],
    "a foreign profile": lambda: [{**support_pki.request(CLIENT, "nomad/cli"), "profile": "peer"}],
    "no list": lambda: {"consul": "consul"},
    "a key=value text": lambda: "requests=consul",
    "a very long list": lambda: [support_pki.request(CLIENT, "consul/consul")] * 500,
}


@pytest.mark.parametrize("case", REQUESTS)
def test_what_a_node_is_not_entitled_to(case: str, send: Any, issued: Any) -> None:
    before = issued()
    answer = send("member.sign", [REQUESTS[case]()])
    assert list(answer) == ["error"]
    assert "Traceback" not in answer["error"]
    assert issued() == before


HOSTILE = {
    "claims to be a server": {"claimed": SERVER.id},
    "claims to be the master": {"claimed": "vm_master"},
    "claims to be nobody": {"claimed": ""},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_forged_id_gets_nothing(case: str, send: Any, issued: Any) -> None:
    before = issued()
    answer = send("member.sign", [[support_pki.request(SERVER, "consul/consul")]], **HOSTILE[case])
    assert "BEGIN CERTIFICATE" not in str(answer)
    assert issued() == before


@pytest.mark.parametrize("forged", ["__pub_id", "id", "caller", "__id__", "__opts__", "opts"])
def test_a_forged_id_in_the_arguments_gets_nothing(forged: str, send: Any, issued: Any) -> None:
    before = issued()
    requests = [support_pki.request(SERVER, "consul/consul")]
    value: Any = {"id": SERVER.id} if "opts" in forged else SERVER.id
    answer = send("member.sign", [{"__kwarg__": True, "requests": requests, forged: value}])
    assert "BEGIN CERTIFICATE" not in str(answer)
    assert issued() == before


@pytest.mark.parametrize("function", ["ca.init", "ca.list", "member.signs", "xmember.sign", "memberxsign", "test.arg"])
def test_no_other_runner_is_open(function: str, send: Any) -> None:
    assert not send(function, [])


def test_salt_run_is_no_node(master: Any, minion: Any, issued: Any) -> None:
    before = issued()
    answer = master.salt_run_cli().run("member.sign", json.dumps([support_pki.request(CLIENT, "consul/consul")]))
    assert "master itself" in answer.data["error"]
    assert issued() == before
