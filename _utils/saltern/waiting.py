"""The one place that waits: on a condition, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from saltern.errors import SalternError, StepFailed

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, *, seconds: float, cure: str = "", interval: float = 0.1) -> T:
    """The first true value of ``condition``, asked every ``interval`` seconds (growing to ten times that).

    An error of Saltern's own inside the condition counts as "not yet" and is told if time runs out.

    :param what: what is waited for, as a noun phrase: "a Consul leader".
    :raises StepFailed: when it did not come within ``seconds``.
    """
    last = ""
    for _ in tries(seconds, interval=interval):
        try:
            if value := condition():
                return value
        except SalternError as error:
            last = f" Last answer: {error}"
    raise StepFailed(f"Waited {seconds:g} s in vain for {what}.{last}", cure=cure)


def tries(seconds: float, *, interval: float = 0.1) -> Iterator[None]:
    """For a loop that tries something again: at once, then with growing pauses, until ``seconds`` are over."""
    deadline, pause = time.monotonic() + seconds, interval
    yield
    while time.monotonic() < deadline:
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 1.3, interval * 10)
        yield
