"""What nodes may ask and say: turns one at a time, reports about themselves, a look at most once a minute."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from saltern import members
from saltern.errors import MemberRefused
from saltern.members import Members
from saltern.model import LifeCycle, Node
from saltern.registry import Registry

A, B, C = (
    Node(f"server-{letter * 6}", "server", ("nomad-server",), "core", "general", f"10.0.0.{number}")
    for number, letter in enumerate("abc", 1)
)


@pytest.fixture
def kept(tmp_path: Path) -> Members:
    return Members(tmp_path / "members.sqlite")


def test_one_node_at_a_time(kept: Members) -> None:
    assert kept.take_turn(A, "nomad", False) == ""
    assert kept.take_turn(A, "nomad", False) == "", "it asks again after a kill"
    assert A.id in kept.take_turn(B, "nomad", False)
    assert kept.take_turn(B, "consul", False) == "", "another service has turns of its own"
    kept.end_turn(B, "nomad")
    assert A.id in kept.take_turn(B, "nomad", False), "nobody ends another's turn"
    kept.end_turn(A, "nomad")
    assert kept.take_turn(B, "nomad", False) == ""


def test_ten_at_once_get_one_turn(kept: Members) -> None:
    nodes = [replace(A, id=f"server-{number:06}") for number in range(10)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda node: kept.take_turn(node, "nomad", False), nodes))
    assert answers.count("") == 1


def test_the_leader_goes_last(kept: Members) -> None:
    assert kept.take_turn(A, "nomad", False) == ""
    assert A.id in kept.take_turn(B, "nomad", False)
    kept.end_turn(A, "nomad")
    assert f"{B.id} goes first" in kept.take_turn(C, "nomad", True)
    assert kept.take_turn(B, "nomad", False) == ""
    kept.end_turn(B, "nomad")
    assert kept.take_turn(C, "nomad", True) == ""


def test_a_turn_and_a_wish_expire(kept: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "TURN_SECONDS", -1)
    assert kept.take_turn(A, "nomad", False) == ""
    monkeypatch.setattr(members, "ASKING_SECONDS", -1)
    assert kept.take_turn(C, "nomad", True) == ""


@pytest.mark.parametrize("service", ["vault", "nginx", "", None, 7, ["nomad"], "nomad; DROP TABLE turn"])
def test_only_a_service_that_the_node_runs(kept: Members, service: object) -> None:
    for ask in (lambda: kept.take_turn(A, service, False), lambda: kept.end_turn(A, service)):
        with pytest.raises(MemberRefused):
            ask()


def test_a_report_replaces_the_former_and_an_empty_one_takes_it_back(kept: Members) -> None:
    assert kept.reports() == []
    assert kept.report(A, ["nomad does not take its files"])
    (first,) = kept.reports()
    assert not kept.report(A, ["nomad does not take its files"]), "no news"
    assert kept.report(A, ["another"])
    (second,) = kept.reports()
    assert second.problems == ("another",) and second.since == first.since and second.at >= first.at
    assert kept.report(A, [])
    (last,) = kept.reports()
    assert last.problems == () and last.since > first.since
    assert [one.node for one in kept.reports()] == [A.id]


@pytest.mark.parametrize("problems", [None, "x", {"a": 1}, [1], [""], ["x" * 501], ["x"] * 17, [["x"]]])
def test_a_report_of_another_shape_is_refused(kept: Members, problems: object) -> None:
    with pytest.raises(MemberRefused):
        kept.report(A, problems)
    assert kept.reports() == []


def test_what_a_terminal_would_obey_is_not_kept(kept: Members) -> None:
    kept.report(A, ["a\x1b[2Jb\nhealthy\u202e"])
    (found,) = kept.reports()
    assert found.problems[0].isprintable() and "healthy" in found.problems[0]


def test_a_node_is_told_to_look_once_a_minute(kept: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [kept.may_look(A) for _ in range(50)].count(True) == 1
    assert kept.may_look(B)
    monkeypatch.setattr(members, "DEBOUNCE_SECONDS", 0)
    assert kept.may_look(A)


@pytest.mark.parametrize("caller", ["server-zzzzzz", "../../etc", "", "server-bbbbbb", "SERVER-AAAAAA"])
def test_only_a_proved_node_of_the_registry_is_heard(tmp_path: Path, caller: str) -> None:
    registry = Registry(tmp_path / "registry.sqlite")
    registry.add(replace(A, state=LifeCycle.JOINED))
    registry.add(replace(B, state=LifeCycle.CREATED))
    assert members.proved(A.id, registry).id == A.id
    with pytest.raises(MemberRefused):
        members.proved(caller, registry)


def test_a_file_that_is_no_database_is_told_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "members.sqlite").write_text("no database at all, but long enough to be read as one")
    with pytest.raises(MemberRefused, match="Cure:|cannot be used"):
        Members(tmp_path / "members.sqlite").report(A, [])
