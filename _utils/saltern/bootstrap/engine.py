"""Runs a graph of steps: what is ready runs at once, what already holds is left alone.

Every step looks at the real system first (``check``); the journal only remembers what was begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Generic, TypeVar

from saltern.errors import SalternError, StepFailed
from saltern.journal import Journal

WORKERS = 8  # steps wait for others far more than they compute
C = TypeVar("C")


@dataclass(frozen=True)
class Step(Generic[C]):
    """One step. ``check`` says whether it already holds; ``verify`` raises when it does not after ``apply``."""

    name: str
    title: str
    needs: tuple[str, ...]
    check: Callable[[C], bool]
    apply: Callable[[C], None]
    verify: Callable[[C], None]


@dataclass(frozen=True)
class Event:
    """What a step just did: ``checking``, ``running``, ``kept``, ``done``, ``failed``, ``would run``."""

    step: str
    title: str
    state: str
    seconds: float = 0.0
    text: str = ""


@dataclass
class Outcome:
    """What a run did: names of steps in the order of their ends."""

    kept: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    failed: dict[str, SalternError] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def order(steps: Iterable[Step[C]]) -> list[Step[C]]:
    """The steps in an order that respects their needs; a wrong graph is a programming error."""
    by_name = {step.name: step for step in steps}
    for step in by_name.values():
        if unknown := set(step.needs) - set(by_name):
            raise ValueError(f"step {step.name} needs unknown steps: {', '.join(sorted(unknown))}")
    try:
        names = list(TopologicalSorter({step.name: step.needs for step in by_name.values()}).static_order())
    except CycleError as error:
        raise ValueError(f"the steps need each other in a circle: {error.args[1]}") from error
    return [by_name[name] for name in names]


def run(steps: Iterable[Step[C]], context: C, journal: Journal, report: Callable[[Event], None]) -> Outcome:
    """Bring every step to its verified state, independent ones in parallel. Stops launching at the first failure."""
    pending = {step.name: step for step in order(steps)}
    outcome, running = Outcome(), dict[Future[bool], Step[C]]()
    began: dict[str, float] = {}
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="step") as pool:
        while pending or running:
            done = set(outcome.kept) | set(outcome.changed)
            ready = [step for step in pending.values() if set(step.needs) <= done] if not outcome.failed else []
            for step in ready:
                del pending[step.name]
                began[step.name] = time.monotonic()
                running[pool.submit(_bring, step, context, journal, report)] = step
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                step = running.pop(future)
                outcome.seconds[step.name] = time.monotonic() - began[step.name]
                _settle(step, future, outcome, report)
    return outcome


def _bring(step: Step[C], context: C, journal: Journal, report: Callable[[Event], None]) -> bool:
    """Whether anything had to be changed to make the step hold."""
    report(Event(step.name, step.title, "checking"))
    if step.check(context):
        if journal.state(step.name) != "verified":
            journal.record(step.name, "verified")
        return False
    report(Event(step.name, step.title, "running"))
    journal.record(step.name, "intent")
    step.apply(context)
    journal.record(step.name, "applied")
    step.verify(context)
    journal.record(step.name, "verified")
    return True


def _settle(step: Step[C], future: Future[bool], outcome: Outcome, report: Callable[[Event], None]) -> None:
    seconds = outcome.seconds[step.name]
    error = future.exception()
    if error is None:
        (outcome.changed if future.result() else outcome.kept).append(step.name)
        report(Event(step.name, step.title, "done" if future.result() else "kept", seconds))
        return
    if not isinstance(error, SalternError):
        error = StepFailed(
            f"{step.title}: unexpected {type(error).__name__}: {error}",
            cure="run the same command again; if it stays, this is a bug of Saltern: report the master's log",
        )
    outcome.failed[step.name] = error
    report(Event(step.name, step.title, "failed", seconds, str(error)))


def preview(steps: Iterable[Step[C]], context: C, report: Callable[[Event], None]) -> Outcome:
    """What :func:`run` would do now; changes nothing. A step whose needs do not hold yet would run, unasked."""
    outcome = Outcome()
    for step in order(steps):
        began = time.monotonic()
        holds = False
        if set(step.needs) <= set(outcome.kept):
            try:
                holds = step.check(context)
            except SalternError as error:
                outcome.failed[step.name] = error
                report(Event(step.name, step.title, "failed", text=str(error)))
                continue
        outcome.seconds[step.name] = time.monotonic() - began
        (outcome.kept if holds else outcome.changed).append(step.name)
        report(Event(step.name, step.title, "kept" if holds else "would run", outcome.seconds[step.name]))
    return outcome
