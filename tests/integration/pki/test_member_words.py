"""Turns and reports over Salt's real channel, and what forged events bring about: one look of a real node, no more."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import salt.utils.event

import support_pki
from saltern.members import Members
from saltern.waiting import until
from support_pki import CLIENT, SERVER

FORGED = 1000


@pytest.fixture
def members(authority: support_pki.Authority) -> Members:
    made = Members(authority.places["members"])
    made.end_turn(CLIENT, "nomad")  # the file is there, whatever test comes first
    return made


def test_a_node_takes_its_turn_and_gives_it_back(send: Any) -> None:
    assert send("member.turn", ["nomad", False]) == {"wait": ""}
    assert send("member.turn_done", ["nomad"]) == {"done": True}


def test_a_node_reports_about_itself(send: Any, members: Members) -> None:
    assert send("member.report", [["nomad does not take its files"]]) == {"done": True}
    assert [(one.node, one.problems) for one in members.reports()] == [(CLIENT.id, ("nomad does not take its files",))]
    assert send("member.report", [[]]) == {"done": True}
    assert [one.problems for one in members.reports()] == [()]


def rows(authority: support_pki.Authority, query: str) -> list[str]:
    with closing(sqlite3.connect(authority.places["members"])) as connection:
        return [row[0] for row in connection.execute(query)]


HOSTILE: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "a turn in another's name": ("member.turn", ["vault", False], {"claimed": SERVER.id}),
    "a turn in the master's name": ("member.turn", ["nomad", False], {"claimed": "vm_master"}),
    "a turn of a service that it does not run": ("member.turn", ["vault", False], {}),
    "a turn of everything": ("member.turn", [["consul", "nomad"], False], {}),
    "an end of another's turn": ("member.turn_done", ["vault"], {}),
    "a report in another's name": ("member.report", [["vault burns"]], {"claimed": SERVER.id}),
    "a report with a forged caller": (
        "member.report",
        [{"__kwarg__": True, "problems": ["vault burns"], "__pub_id": SERVER.id, "id": SERVER.id}],
        {},
    ),
    "a report with forged options": (
        "member.report",
        [{"__kwarg__": True, "problems": ["vault burns"], "__opts__": {"id": SERVER.id}}],
        {},
    ),
    "a report of a megabyte": ("member.report", [["x" * 1_000_000]], {}),
    "a report of a thousand lines": ("member.report", [["x"] * 1000], {}),
    "a report that is no list": ("member.report", [{"a": "b"}], {}),
    "the reactor's own runner": ("renewal.look", [SERVER.id], {}),
    "a longer name": ("member.turn_done_x", ["nomad"], {}),
    "a private function": ("member._answered", ["turn", None], {}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_node_speaks_for_nobody_else(
    case: str, send: Any, members: Members, authority: support_pki.Authority
) -> None:
    function, arguments, more = HOSTILE[case]
    assert "Traceback" not in str(send(function, arguments, **more))
    assert {one.node for one in members.reports()} <= {CLIENT.id}, "a node reports about itself"
    assert all(len(text) <= 500 for one in members.reports() for text in one.problems)
    assert set(rows(authority, "SELECT node FROM turn")) <= {CLIENT.id}, "a node takes its own turn"
    assert set(rows(authority, "SELECT service FROM turn")) <= {"consul", "nomad"}, "of what it runs"


@pytest.fixture
def jobs(master: Any) -> Iterator[Any]:
    """The ids that were told to look at themselves, as they come on the master's bus."""
    with salt.utils.event.get_event("master", opts=master.config, listen=True) as bus:
        told: list[str] = []

        def seen() -> list[str]:
            while event := bus.get_event(wait=0.1, full=True):
                data = event["data"]
                if event["tag"].endswith("/new") and data.get("fun") == "node_cert.converge":
                    told.extend([data["tgt"]] if isinstance(data["tgt"], str) else data["tgt"])
            return told

        yield seen


@pytest.mark.usefixtures("members")
def test_a_thousand_forged_events_are_one_look(jobs: Any, transmit: Any, authority: support_pki.Authority) -> None:
    names = [CLIENT.id, SERVER.id, "general-zzzzzz", "*", "../../x", "vm_master", "a: {{ 7*7 }}", ""]
    events = [
        {"tag": f"salt/beacon/{names[number % len(names)]}/node_cert/expiring", "data": {"id": SERVER.id, "tgt": "*"}}
        for number in range(FORGED)
    ]
    began = time.monotonic()
    transmit(cmd="_minion_event", id=CLIENT.id, events=events, pretag=None)
    # The server has no key here, so no job reaches it; that it was to be told is on record.
    until(
        lambda: {CLIENT.id, SERVER.id} <= set(rows(authority, "SELECT node FROM looked")),
        "the registry's nodes to be told",
        seconds=60,
    )
    assert set(rows(authority, "SELECT node FROM looked")) == {CLIENT.id, SERVER.id}
    quiet = time.monotonic()
    while time.monotonic() - quiet < 5:  # the flood drains
        before = len(jobs())
        if len(jobs()) > before:
            quiet = time.monotonic()
    print(f"{FORGED} forged events: {len(jobs())} looks, drained in {quiet - began:.1f} s")
    assert jobs() == [CLIENT.id]
