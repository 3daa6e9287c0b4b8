"""Which process takes which file how: the table, what follows from it, and its page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from saltern.model import ROLES, Definition, Node
from saltern.pki import serving
from saltern.pki.entitlements import certificates
from saltern.pki.ports import tls_ports
from saltern.pki.serving import Effect, Finding, Use
from support_pki import PROFILES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "certificates.md"
UNIT = re.compile(r"ExecReload=")


def numbers(use: Use, cluster: Definition) -> list[int]:
    nodes = [Node("node-aaaaaa", "node", (role,), "core", "general", "10.0.0.1") for role in use.roles]
    found = {one for node in nodes for one in serving.ports(node, cluster, use.unit) if one.certificate == use.file}
    return sorted({port.number for port in found})


def row(use: Use, cluster: Definition) -> str:
    where = "every node" if use.roles == ROLES else ", ".join(use.roles)
    where += "" if len(use.seals) == 2 else f" with seal `{use.seals[0]}`"
    served = ", ".join(map(str, numbers(use, cluster)))
    cells = (f"`{use.file}.pem`", use.unit or "none", where, use.effect.name.lower(), served, use.why)
    return "".join(f"| {cell} " for cell in cells) + "|"


def test_the_page_prints_the_table(cluster: Definition) -> None:
    printed = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert printed == [row(use, cluster) for use in serving.USES]


def test_every_file_of_every_node_is_in_the_table(cluster: Definition) -> None:
    for seal in ("transit", "shamir"):
        declared = replace(cluster, seal=seal)
        for role in ROLES:
            node = Node("node-aaaaaa", "node", (role,), "core", "general", "10.0.0.1")
            specs = certificates(node, declared, PROFILES)
            files = {spec.label for spec in specs} | {f"{spec.application}/{spec.root}-ca" for spec in specs}
            assert files <= {use.file for use in serving.USES if role in use.roles and seal in use.seals}


def test_every_port_that_serves_has_a_process_that_is_brought_up_to_date(cluster: Definition) -> None:
    for role in ROLES:
        node = Node("node-aaaaaa", "node", (role,), "core", "general", "10.0.0.1")
        served = [port.number for unit in serving.UNITS for port in serving.ports(node, cluster, unit)]
        assert sorted(served) == sorted(port.number for port in tls_ports(node, cluster))


def test_every_unit_of_ours_that_reloads_can() -> None:
    for unit in {use.unit for use in serving.USES if use.effect is Effect.RELOAD} - {"nginx"}:
        files = list((PAGE.parents[2] / "salt" / unit / "files").glob("*.service"))
        assert files and all(UNIT.search(file.read_text(encoding="utf-8")) for file in files)


@pytest.mark.parametrize(("started", "reloaded", "due"), [(50, 50, True), (50, 150, False), (150, 150, False)])
def test_a_reload_is_enough_where_the_table_says_so(started: float, reloaded: float, due: bool) -> None:
    use = next(one for one in serving.USES if one.file == "nomad/nomad-ca")
    found = serving.unread(use, 100, {Effect.RESTART: started, Effect.RELOAD: reloaded})
    assert bool(found) is due and serving.needed(found, "nomad") is (Effect.RELOAD if due else Effect.NONE)


@pytest.mark.parametrize(("started", "due"), [(50, True), (150, False)])
def test_a_reload_is_not_enough_where_tls_is_built_at_the_start(started: float, due: bool) -> None:
    use = next(one for one in serving.USES if one.file == "nomad/consul")
    found = serving.unread(use, 100, {Effect.RESTART: started, Effect.RELOAD: 200})
    assert bool(found) is due


def test_the_greater_need_wins_and_units_do_not_mix() -> None:
    found = [Finding("x", "x", "x", "nomad", Effect.RELOAD), Finding("x", "x", "x", "nomad", Effect.RESTART)]
    assert serving.needed(found, "nomad") is Effect.RESTART
    assert serving.needed(found, "consul") is Effect.NONE


def test_a_vault_that_operators_unseal_is_not_restarted(server: Node, cluster: Definition) -> None:
    support = replace(server, role=("support",))
    assert serving.restart_seals(support, cluster, "vault")
    assert serving.restart_seals(server, replace(cluster, seal="shamir"), "vault")
    assert not serving.restart_seals(server, replace(cluster, seal="transit"), "vault")
    assert not serving.restart_seals(support, cluster, "nomad")
