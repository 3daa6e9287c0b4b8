"""How a node's processes are brought to take their files: reload, look, restart in turn; never more than is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from saltern.errors import ServiceUnreachable
from saltern.model import Node
from saltern.pki import convergence
from saltern.pki.convergence import Convergence, Site
from saltern.pki.ports import TlsPort
from saltern.pki.serving import Effect

OWN, OTHER = "10.99.0.11", "10.99.0.13"
OLD, NEW = "AA:AA", "BB:BB"
SERVERS = {"consul": (OWN, OTHER), "vault": (OWN, OTHER), "nomad": (OWN, OTHER)}


class Machine:
    """Processes in a test's hands. ``stubborn``: units whose ports ignore a reload; ``dead``: that never come back."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.running = {"consul", "nomad", "vault"}
        self.started = dict.fromkeys(self.running, 100.0)
        self.changed = dict.fromkeys(self.running, 100.0)
        self.serves = dict.fromkeys(self.running, OLD)
        self.files = dict.fromkeys(self.running, OLD)
        self.stubborn: set[str] = set()
        self.dead: set[str] = set()
        self.silent: set[str] = set()
        self.refusals: list[str] = []
        self.leading = False
        self.said: list[str] = []

    def runs(self, unit: str) -> bool:
        return unit in self.running

    def read(self, unit: str) -> Mapping[Effect, float]:
        return {Effect.RESTART: self.started[unit], Effect.RELOAD: self.changed[unit]}

    def order(self, verb: str, unit: str) -> None:
        self.said.append(f"{verb} {unit}")
        self.clock += 1
        self.changed[unit] = self.clock
        if verb == "restart":
            self.started[unit] = self.clock
        if verb == "restart" or unit not in self.stubborn:
            self.serves[unit] = self.files[unit]

    def served(self, address: str, port: TlsPort) -> str:
        if address in self.silent:
            raise ServiceUnreachable(f"{address} does not answer")
        return self.serves[port.certificate.split("/")[0]]

    def works(self, unit: str) -> bool:
        return unit not in self.dead

    def leads(self, unit: str) -> bool:
        return self.leading

    def turn(self, unit: str, leading: bool) -> str:
        self.said.append(f"turn {unit}{' leading' if leading else ''}")
        return self.refusals.pop(0) if self.refusals else ""

    def turn_done(self, unit: str) -> None:
        self.said.append(f"done {unit}")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    for name in ("RELOAD_SECONDS", "RESTART_SECONDS", "TURN_SECONDS"):
        monkeypatch.setattr(convergence, name, 0.3)
    return Machine()


@pytest.fixture
def node(server: Node) -> Node:
    return Node(server.id, "server", ("consul-server", "vault", "nomad-server"), "core", "general", OWN)


def made(tmp_path: Path, node: Node, machine: Machine, *changed: str, seal: str = "transit") -> Convergence:
    """``changed``: files that are younger than their processes; the others are older."""
    for application in ("consul", "vault", "nomad"):
        (tmp_path / application).mkdir(exist_ok=True)
        for name in ("consul", "vault", "nomad", "consul-ca", "vault-ca", "nomad-ca"):
            file = tmp_path / application / f"{name}.pem"
            file.touch()
            moment = 500.0 if f"{application}/{name}" in changed else 50.0
            os.utime(file, (moment, moment))
    machine.files |= {unit: NEW for unit in machine.files if f"{unit}/{unit}" in changed}
    fingerprints = {f"{unit}/{unit}": file for unit, file in machine.files.items()}
    return Convergence(node, Site("dc1", "global", seal, SERVERS), fingerprints, machine, tmp_path)


def test_nothing_is_done_where_nothing_is_due(tmp_path: Path, node: Node, machine: Machine) -> None:
    found = made(tmp_path, node, machine)
    assert found.look() == []
    assert found.run() == ([], [])
    assert machine.said == []


def test_what_reloads_is_reloaded_and_nothing_else_is_touched(tmp_path: Path, node: Node, machine: Machine) -> None:
    found = made(tmp_path, node, machine, "consul/consul")
    assert {one.kind for one in found.look()} == {"served", "unread"}
    assert found.run() == (["consul was reloaded"], [])
    assert machine.said == ["reload consul"]
    assert found.look() == []


def test_a_reload_that_does_not_help_is_followed_by_a_restart(tmp_path: Path, node: Node, machine: Machine) -> None:
    machine.stubborn = {"consul"}
    assert made(tmp_path, node, machine, "consul/consul").run() == (["consul was restarted"], [])
    assert machine.said == ["reload consul", "turn consul", "restart consul", "done consul"]


def test_what_is_built_at_the_start_is_restarted_in_its_turn(tmp_path: Path, node: Node, machine: Machine) -> None:
    machine.leading, machine.refusals = True, ["it is the turn of server-bbbbbb"]
    assert made(tmp_path, node, machine, "nomad/consul").run() == (["nomad was restarted"], [])
    turns = ["turn nomad leading", "turn nomad leading"]
    assert machine.said == [*turns, "restart nomad", "done nomad"]


def test_nobody_restarts_while_another_server_is_away(tmp_path: Path, node: Node, machine: Machine) -> None:
    machine.silent = {OTHER}
    done, problems = made(tmp_path, node, machine, "nomad/consul").run()
    assert done == [] and OTHER in problems[0] and "Cure:" in problems[0]
    assert "restart nomad" not in machine.said


def test_a_turn_that_does_not_come_is_a_problem_and_no_restart(tmp_path: Path, node: Node, machine: Machine) -> None:
    machine.refusals = ["it is the turn of server-bbbbbb"] * 1000
    done, problems = made(tmp_path, node, machine, "nomad/consul").run()
    assert done == [] and "server-bbbbbb" in problems[0]
    assert "restart nomad" not in machine.said


def test_who_does_not_come_back_keeps_its_turn(tmp_path: Path, node: Node, machine: Machine) -> None:
    machine.dead = {"nomad"}
    done, problems = made(tmp_path, node, machine, "nomad/consul").run()
    assert done == [] and "to work after its restart" in problems[0]
    assert "done nomad" not in machine.said, "the others must not go on"


@pytest.mark.parametrize("seal", ["transit", "shamir"])
def test_a_vault_that_operators_unseal_is_left_to_them(seal: str, tmp_path: Path, node: Node, machine: Machine) -> None:
    done, problems = made(tmp_path, node, machine, "vault/consul-ca", seal=seal).run()
    if seal == "transit":
        assert (done, problems) == (["vault was restarted"], [])
    else:
        assert done == [] and "operators" in problems[0] and machine.said == []


def test_one_problem_does_not_keep_the_next_process_back(tmp_path: Path, node: Node, machine: Machine) -> None:
    made_one = made(tmp_path, node, machine, "vault/consul-ca", "nomad/nomad", seal="shamir")
    done, problems = made_one.run()
    assert done == ["nomad was reloaded"] and len(problems) == 1


def test_a_port_without_an_answer_is_told_and_restarts_nothing(tmp_path: Path, node: Node, machine: Machine) -> None:
    machine.silent = {OWN}
    found = made(tmp_path, node, machine)
    assert {one.kind for one in found.look()} == {"silent"}
    done, problems = found.run()
    assert done == [] and len(problems) == 3 and machine.said == []


def test_a_unit_that_does_not_run_has_nothing_to_take(tmp_path: Path, node: Node, machine: Machine) -> None:
    machine.running = {"consul"}
    assert made(tmp_path, node, machine, "nomad/consul").look() == []


def test_a_node_knows_its_place_by_its_pillar(node: Node) -> None:
    pillar = {
        "node": {**{name: getattr(node, name) for name in ("id", "group", "zone", "node_class", "ipv4", "ipv6")}}
        | {"role": list(node.role)},
        "cluster": {"datacenter": "dc1", "region": "global", "seal": "shamir"},
        **{f"{unit}_servers": list(addresses) for unit, addresses in SERVERS.items()},
    }
    found, site = convergence.place(pillar)
    assert (found.id, found.role, found.address) == (node.id, node.role, OWN)
    assert (site.seal, site.servers) == ("shamir", SERVERS)
