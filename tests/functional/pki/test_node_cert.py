"""``node_cert`` and ``member.sign`` in Salt's own loaders. Between them stands only what the channel does otherwise."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import salt.config
import salt.exceptions
import salt.loader

import support_core
import support_pki
from saltern.files import only_one
from saltern.members import Members
from support_pki import CLIENT, REPOSITORY, SERVER

LOADERS = {"module_dirs": [str(REPOSITORY)], "utils_dirs": [str(REPOSITORY / "_utils")]}


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[support_pki.Authority]:
    made = support_pki.authority(tmp_path)
    with support_core.running(made):
        yield made


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
        self.members = authority.places["members"]
        self._member = runners(CLIENT.id)
        self.options: dict[str, Any] = salt.config.DEFAULT_MINION_OPTS.copy()
        self.options |= {"id": CLIENT.id, "cachedir": str(tmp_path), "extension_modules": str(tmp_path / "ext")}
        self.options |= {"saltern": {"ssl": str(self.ssl)}, "test": False, "file_client": "local", **LOADERS}
        self.options["grains"] = {}
        self.options["pillar"] = {"saltern": {"certificates": support_pki.pillar(CLIENT), "trust": authority.trust}}
        self.modules = salt.loader.minion_mods(self.options)
        self.modules["publish.runner"] = self._publish
        self.refreshed: list[bool] = []  # the daemon that would fetch its pillar does not run here
        self.modules["saltutil.refresh_pillar"] = self._refresh

    def _refresh(self, wait: bool) -> None:
        self.refreshed.append(wait)

    def _publish(self, function: str, arg: list[Any]) -> Any:
        assert function.startswith("member.")
        if function == "member.sign":
            self.asked.append(arg)
            if self.answers:
                return self.answers.pop(0)
        return self._member[function](*json.loads(json.dumps(arg)))

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


@pytest.fixture
def full(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """The node with all that its pillar says of its place, as the external pillar gives it; no service runs here."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    states = "LoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=enabled\nNeedDaemonReload=no"
    program.write_text(f"#!/bin/sh\nprintf '{states}\nControlGroup=\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    mine = node.options["pillar"]["saltern"]
    mine["node"] = {name: getattr(CLIENT, name) for name in ("id", "group", "zone", "node_class", "ipv4", "ipv6")}
    mine["node"]["role"] = list(CLIENT.role)
    mine["cluster"] = {"datacenter": "dc1", "region": "global", "seal": "transit"}
    mine |= {f"{unit}_servers": [SERVER.address] for unit in ("consul", "vault", "nomad")}
    return node


def kinds(node: Node) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in node.modules["node_cert.check"]():
        found.setdefault(one["kind"], set()).add(one["subject"])
    return found


def beacon(node: Node) -> Any:
    return salt.loader.beacons(node.options, node.modules)


def test_check_names_what_is_wrong_and_the_beacon_only_the_kind(full: Node, authority: support_pki.Authority) -> None:
    full.managed()
    assert full.modules["node_cert.check"]() == []
    assert beacon(full)["node_cert.beacon"]([{"interval": 60}]) == []
    (full.ssl / "nomad" / "cli-key.pem").chmod(0o400)
    (full.ssl / "nomad" / "vault-ca.pem").write_text("another")
    (full.ssl / "nomad" / "vault.pem").unlink()
    text = (full.ssl / "nomad" / "consul.pem").read_bytes()
    (full.ssl / "nomad" / "nomad.pem").write_bytes(text)
    found = kinds(full)
    assert found["access"] == {"nomad/cli"}
    assert found["trust"] == {str(full.ssl / "nomad" / "vault-ca.pem")}
    assert found["invalid"] == {"nomad/vault"}
    assert found["wrong-root"] == {"nomad/nomad"}
    fired = beacon(full)["node_cert.beacon"]([{"interval": 60}])
    assert fired == [{"tag": kind} for kind in sorted(found)], "nothing but a kind goes over the bus"


def test_the_beacon_of_a_node_without_pillar_is_silent(node: Node) -> None:
    node.options["pillar"]["saltern"] = {"unknown": True}
    modules = salt.loader.minion_mods(node.options)
    assert salt.loader.beacons(node.options, modules)["node_cert.beacon"]([]) == []


@pytest.mark.parametrize(("config", "valid"), [([], True), ([{"interval": 60}], True), ({}, False), (["x"], False)])
def test_the_beacons_configuration_is_looked_at(full: Node, config: Any, valid: bool) -> None:
    assert beacon(full)["node_cert.validate"](config)[0] is valid


def test_converge_renews_and_reports(full: Node, runners: Callable[[str], Any]) -> None:
    done = full.modules["node_cert.converge"]()
    assert set(done["renewed"]) >= LABELS and done["problems"] == []
    assert full.modules["node_cert.converge"]() == {"renewed": [], "done": [], "problems": []}
    (report,) = Members(full.members).reports()
    assert (report.node, report.problems) == (CLIENT.id, ())
    assert full.refreshed, "the beacon judges by the daemon's pillar"


def test_converge_tells_the_master_what_it_could_not_do(full: Node) -> None:
    full.managed()
    (full.ssl / "nomad" / "nomad.pem").unlink()
    full.answers.append({"error": "Signing was refused: of a test"})
    done = full.modules["node_cert.converge"]()
    assert "of a test" in done["problems"][0]
    (report,) = Members(full.members).reports()
    assert report.problems == tuple(done["problems"])
    assert full.modules["node_cert.converge"]()["problems"] == []
    assert Members(full.members).reports()[0].problems == ()


def test_a_second_converge_beside_the_first_does_nothing(full: Node, tmp_path: Path) -> None:
    with only_one(tmp_path / "node_cert.lock") as alone:
        assert alone
        assert full.modules["node_cert.converge"]() == {"busy": True}
    assert full.asked == []


REFUSED_WORDS = {
    "the master itself": ("vm_master", "turn", ["nomad", False]),
    "a stranger": ("general-zzzzzz", "turn", ["nomad", False]),
    "a service of others": (CLIENT.id, "turn", ["vault", False]),
    "an end of others": (CLIENT.id, "turn_done", ["vault"]),
    "a report of the master": ("vm_master", "report", [[]]),
    "a report too long": (CLIENT.id, "report", [["x" * 501]]),
    "a report of nothing": (CLIENT.id, "report", []),
}


@pytest.mark.parametrize("case", REFUSED_WORDS)
def test_what_is_not_a_nodes_to_ask(case: str, runners: Callable[[str], Any], node: Node) -> None:
    caller, function, arguments = REFUSED_WORDS[case]
    answer = runners(caller)[f"member.{function}"](*arguments)
    assert list(answer) == ["error"] and "Traceback" not in answer["error"]
    assert Members(node.members).reports() == []
