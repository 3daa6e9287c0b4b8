"""``node_cert`` and ``member.sign`` in Salt's own loaders. Between them stands only what the channel does otherwise."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import salt.config
import salt.exceptions
import salt.loader

import support_pki
from support_pki import CLIENT, REPOSITORY, SERVER

LOADERS = {"module_dirs": [str(REPOSITORY)], "utils_dirs": [str(REPOSITORY / "_utils")]}


@pytest.fixture
def authority(tmp_path: Path) -> support_pki.Authority:
    return support_pki.authority(tmp_path)


@pytest.fixture
def runners(tmp_path: Path, authority: support_pki.Authority) -> Callable[[str], Any]:
    (tmp_path / "master").write_text("id: vm_master\n")

    def of(caller: str) -> Any:
        options: dict[str, Any] = salt.config.DEFAULT_MASTER_OPTS.copy()
        options |= {"conf_file": str(tmp_path / "master"), "cachedir": str(tmp_path), "id": caller, **LOADERS}
        options |= {"extension_modules": str(tmp_path / "ext"), "saltern": authority.places}
        return salt.loader.runner(options)

    return of


class Node:
    """The loaded modules and states of one node, whose ``publish.runner`` reaches the runner of the same id."""

    def __init__(self, tmp_path: Path, runners: Callable[[str], Any], authority: support_pki.Authority) -> None:
        self.ssl = tmp_path / "node-ssl"
        self.ssl.mkdir()
        self.asked: list[Any] = []
        self.answers: list[Any] = []  # given before the master's own
        self._sign = runners(CLIENT.id)["member.sign"]
        self.options: dict[str, Any] = salt.config.DEFAULT_MINION_OPTS.copy()
        self.options |= {"id": CLIENT.id, "cachedir": str(tmp_path), "extension_modules": str(tmp_path / "ext")}
        self.options |= {"saltern": {"ssl": str(self.ssl)}, "test": False, "file_client": "local", **LOADERS}
        self.options["grains"] = {}
        self.options["pillar"] = {"saltern": {"certificates": support_pki.pillar(CLIENT), "trust": authority.trust}}
        self.modules = salt.loader.minion_mods(self.options)
        self.modules["publish.runner"] = self._publish

    def _publish(self, function: str, arg: list[Any]) -> Any:
        assert function == "member.sign"
        self.asked.append(arg)
        return self.answers.pop(0) if self.answers else self._sign(*json.loads(json.dumps(arg)))

    def state(self, function: str, test: bool = False, **arguments: Any) -> dict[str, Any]:
        states = salt.loader.states({**self.options, "test": test}, self.modules, {}, None)
        result: dict[str, Any] = states[function]("This node's certificates", **arguments)
        return result

    def managed(self, *, test: bool = False) -> dict[str, Any]:
        return self.state("node_cert.managed", test)

    def files(self) -> dict[str, tuple[str, bytes]]:
        return {
            str(path.relative_to(self.ssl)): (f"{stat.S_IMODE(path.stat().st_mode):04o}", path.read_bytes())
            for path in sorted(self.ssl.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def node(tmp_path: Path, runners: Callable[[str], Any], authority: support_pki.Authority) -> Node:
    return Node(tmp_path, runners, authority)


LABELS = {"consul/consul", "nomad/consul", "nomad/nomad", "nomad/vault", "nomad/cli"}


def labels(changes: dict[str, Any]) -> set[str]:
    return {name for name in changes if not name.startswith("/")}


def test_issued_once_and_then_clean(node: Node) -> None:
    foreseen = node.managed(test=True)
    assert foreseen["result"] is None and labels(foreseen["changes"]) == LABELS
    assert node.files() == {} and node.asked == []
    done = node.managed()
    assert done["result"] is True, done["comment"]
    assert set(done["changes"]) == set(foreseen["changes"])
    assert len(node.asked) == 1, "one call for all certificates"
    modes = {name: mode for name, (mode, _) in node.files().items()}
    assert modes == {
        "consul/consul-ca.pem": "0644",
        "consul/consul-key.pem": "0400",
        "consul/consul.pem": "0644",
        "nomad/cli-key.pem": "0440",
        "nomad/cli.pem": "0644",
        "nomad/consul-ca.pem": "0644",
        "nomad/consul-key.pem": "0400",
        "nomad/consul.pem": "0644",
        "nomad/nomad-ca.pem": "0644",
        "nomad/nomad-key.pem": "0400",
        "nomad/nomad.pem": "0644",
        "nomad/vault-ca.pem": "0644",
        "nomad/vault-key.pem": "0400",
        "nomad/vault.pem": "0644",
    }
    before = node.files()
    for test in (True, False):
        again = node.managed(test=test)
        assert (again["result"], again["changes"]) == (True, {})
    assert node.files() == before and len(node.asked) == 1


def test_no_key_leaves_the_node(node: Node) -> None:
    done = node.managed()
    assert "PRIVATE KEY" not in json.dumps([done, node.asked])


def test_only_what_is_wrong_is_done_again(node: Node) -> None:
    node.managed()
    before = node.files()
    (node.ssl / "nomad" / "cli-key.pem").chmod(0o400)
    (node.ssl / "nomad" / "vault-ca.pem").write_text("another")
    (node.ssl / "consul" / "consul.pem").write_bytes((node.ssl / "nomad" / "consul.pem").read_bytes())
    done = node.managed()
    assert done["result"] is True
    assert labels(done["changes"]) == {"nomad/cli", "consul/consul"}
    assert "repaired" in done["changes"]["nomad/cli"] and "reissued" in done["changes"]["consul/consul"]
    differing = {name for name, found in node.files().items() if found != before[name]}
    assert differing == {"consul/consul.pem", "consul/consul-key.pem"}
    assert [one["name"] for one in node.asked[-1][0]] == ["consul"]


def test_a_busy_master_is_asked_again(node: Node) -> None:
    node.answers += [{}, "", "'member.sign' runner publish timed out"]
    assert node.managed()["result"] is True
    assert len(node.asked) == 4


def test_a_refusal_is_told_and_changes_nothing(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    certificates = node.options["pillar"]["saltern"]["certificates"]
    certificates[0]["dns"] = [*certificates[0]["dns"], "server.dc1.consul"]
    with caplog.at_level(logging.WARNING):
        result = node.state("node_cert.managed", certificates=certificates)
    assert result["result"] is False and result["changes"] == {}
    assert "not entitled to the name 'server.dc1.consul'" in result["comment"]
    assert "Cure:" in result["comment"]
    assert not [name for name in node.files() if not name.endswith("-ca.pem")]
    assert len([one for one in caplog.records if "member.sign refused 'general-bbbbbb'" in one.getMessage()]) == 1
    assert len(node.asked) == 1, "a refusal is final"


def test_a_wrong_answer_installs_nothing(node: Node) -> None:
    node.managed()
    stolen = {label: (node.ssl / f"{label}.pem").read_text() for label in LABELS}
    for path in node.ssl.rglob("*.pem"):
        path.unlink()
    node.answers.append({"certificates": stolen})  # right in all, but for other keys
    result = node.managed()
    assert result["result"] is False and "belongs to another key" in result["comment"]
    assert not [name for name in node.files() if not name.endswith("-ca.pem")]


@pytest.mark.parametrize(
    "answer", [{"certificates": {}}, {"certificates": None}, {"certificates": {"consul/consul": 1}}]
)
def test_a_misshapen_answer_installs_nothing(node: Node, answer: dict[str, Any]) -> None:
    node.answers.append(answer)
    assert node.managed()["result"] is False
    assert not [name for name in node.files() if not name.endswith("-ca.pem")]


def test_a_node_without_pillar_is_told_so(node: Node) -> None:
    node.options["pillar"]["saltern"] = {"unknown": True}
    modules = salt.loader.minion_mods(node.options)
    result = salt.loader.states(node.options, modules, {}, None)["node_cert.managed"]("x")
    assert result["result"] is False and "Cure:" in result["comment"]


def test_absent_removes_exactly_one_application(node: Node) -> None:
    node.managed()
    foreseen = node.state("node_cert.absent", test=True, application="nomad")
    assert foreseen["result"] is None and len(foreseen["changes"]["removed"]) == 11
    done = node.state("node_cert.absent", application="nomad")
    assert done["changes"] == foreseen["changes"]
    assert sorted(node.files()) == ["consul/consul-ca.pem", "consul/consul-key.pem", "consul/consul.pem"]
    assert node.state("node_cert.absent", application="nomad")["changes"] == {}
    assert node.state("node_cert.absent", application="../nomad")["result"] is False


def test_installed_lists_ends_and_fingerprints(node: Node) -> None:
    assert node.modules["node_cert.installed"]() == {}
    node.managed()
    found = node.modules["node_cert.installed"]()
    assert set(found) == LABELS
    assert all(one["renew_after"] < one["not_after"] for one in found.values())


REFUSED = {
    "the master itself": ("vm_master", lambda: [support_pki.request(CLIENT, "consul/consul")]),
    "a master on another host": ("other_master", lambda: [support_pki.request(CLIENT, "consul/consul")]),
    "nobody": ("", lambda: [support_pki.request(CLIENT, "consul/consul")]),
    "another's names": (CLIENT.id, lambda: [support_pki.request(SERVER, "consul/consul")]),
    "another's certificate": (CLIENT.id, lambda: [support_pki.request(SERVER, "vault/vault")]),
    "a foreign profile": (CLIENT.id, lambda: [{**support_pki.request(CLIENT, "nomad/cli"), "profile": "peer"}]),
    "one bad among good": (
        CLIENT.id,
        lambda: [support_pki.request(CLIENT, "consul/consul"), support_pki.request(SERVER, "nomad/nomad")],
    ),
    "nothing": (CLIENT.id, lambda: None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_member_sign_refuses(case: str, runners: Callable[[str], Any], authority: support_pki.Authority) -> None:
    caller, requests = REFUSED[case]
    answer = runners(caller)["member.sign"](requests())
    assert list(answer) == ["error"]
    assert "Traceback" not in answer["error"]
    assert runners("vm_master")["ca.list"]() == "Nothing was issued."


def test_the_masters_configured_id_is_refused_even_where_it_is_a_nodes(
    runners: Callable[[str], Any], tmp_path: Path
) -> None:
    (tmp_path / "master").write_text(f"id: {CLIENT.id}\n")
    answer = runners(CLIENT.id)["member.sign"]([support_pki.request(CLIENT, "consul/consul")])
    assert "master itself" in answer["error"]


def test_the_operators_view(runners: Callable[[str], Any], node: Node) -> None:
    mine = runners("vm_master")
    assert mine["ca.init"]().startswith("Every declared root was there already")
    assert mine["ca.roots"]().count("until") == 4
    node.managed()
    assert mine["ca.list"]().count(CLIENT.id) == len(LABELS)
    assert mine["ca.list"](limit=2).count(CLIENT.id) == 2
    assert mine["ca.list"](node="server-aaaaaa") == "Nothing was issued."
    with pytest.raises(salt.exceptions.NotImplemented, match="limit"):  # what Salt prints without a traceback
        mine["ca.list"](limit="many")
