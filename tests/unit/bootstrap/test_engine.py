"""The engine: order, parallel work, stopping, resuming, preview."""

import os
import threading

import pytest

from saltern.bootstrap import engine
from saltern.bootstrap.engine import Step
from saltern.errors import StepFailed
from saltern.journal import Journal


class World:
    """A system in which steps hold or not."""

    def __init__(self) -> None:
        self.holds: set[str] = set()
        self.applied: list[str] = []
        self.broken: set[str] = set()


def step(name: str, *needs: str) -> Step[World]:
    def apply(world: World) -> None:
        world.applied.append(name)
        if name in world.broken:
            raise StepFailed(f"{name} broke", cure="mend it")
        world.holds.add(name)

    def verify(world: World) -> None:
        if name not in world.holds:
            raise StepFailed(f"{name} does not hold")

    return Step(name, name.title(), needs, lambda world: name in world.holds, apply, verify)


@pytest.fixture
def journal(tmp_path):
    key = os.urandom(32)
    return Journal(str(tmp_path / "journal.sqlite"), lambda: key)


GRAPH = [step("c", "b"), step("a"), step("b", "a"), step("d", "a")]


def test_runs_every_step_after_its_needs(journal):
    world = World()
    outcome = engine.run(GRAPH, world, journal, lambda event: None)
    assert sorted(outcome.changed) == ["a", "b", "c", "d"]
    assert world.applied.index("a") < world.applied.index("b") < world.applied.index("c")
    assert {name: record.state for name, record in journal.steps().items()} == dict.fromkeys("abcd", "verified")


def test_a_second_run_changes_nothing(journal):
    world = World()
    engine.run(GRAPH, world, journal, lambda event: None)
    world.applied.clear()
    outcome = engine.run(GRAPH, world, journal, lambda event: None)
    assert (outcome.changed, world.applied) == ([], [])
    assert sorted(outcome.kept) == ["a", "b", "c", "d"]


def test_the_real_system_wins_over_the_journal(journal):
    world = World()
    engine.run(GRAPH, world, journal, lambda event: None)
    world.holds.discard("b")
    world.applied.clear()
    assert engine.run(GRAPH, world, journal, lambda event: None).changed == ["b"]


def test_a_failure_stops_what_follows_and_a_resume_goes_on_there(journal):
    world = World()
    world.broken.add("b")
    outcome = engine.run(GRAPH, world, journal, lambda event: None)
    assert list(outcome.failed) == ["b"]
    assert "c" not in world.applied
    assert journal.state("b") == "intent"
    world.broken.clear()
    world.applied.clear()
    outcome = engine.run(GRAPH, world, journal, lambda event: None)
    assert world.applied[0] in {"b", "d"}
    assert "a" not in world.applied
    assert not outcome.failed


def test_an_unexpected_error_becomes_one_clear_error(journal):
    def explode(world: World) -> None:
        raise KeyError("x")

    bad = Step("bad", "Bad", (), lambda world: False, explode, explode)
    outcome = engine.run([bad], World(), journal, lambda event: None)
    assert "Bad: unexpected KeyError" in str(outcome.failed["bad"])
    assert "run the same command again" in str(outcome.failed["bad"])


def test_independent_steps_run_at_the_same_time(journal):
    meeting = threading.Barrier(2, timeout=10)

    def meet(world: World) -> None:
        meeting.wait()

    pair = [Step(name, name, (), lambda world: False, meet, lambda world: None) for name in ("x", "y")]
    assert not engine.run(pair, World(), journal, lambda event: None).failed


def test_preview_changes_nothing_and_does_not_ask_behind_the_first_change(journal):
    world = World()
    world.holds.add("a")
    asked = []

    def look(world: World) -> bool:
        asked.append("late")
        return True

    graph = [*GRAPH, Step("late", "Late", ("c",), look, lambda world: None, lambda world: None)]
    outcome = engine.preview(graph, world, lambda event: None)
    assert outcome.kept == ["a"]
    assert sorted(outcome.changed) == ["b", "c", "d", "late"]
    assert (world.applied, asked, journal.steps()) == ([], [], {})


@pytest.mark.parametrize("graph", [[step("a", "ghost")], [step("a", "b"), step("b", "a")]])
def test_a_wrong_graph_is_refused(graph):
    with pytest.raises(ValueError, match="unknown steps|circle"):
        engine.order(graph)
