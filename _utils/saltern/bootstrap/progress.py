"""Shows a running graph of steps: a live line on a terminal, plain lines elsewhere, and how long is left."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Mapping
from typing import TextIO

from saltern.bootstrap.engine import Event, Step
from saltern.journal import Journal

WORDS = {"kept": "kept", "done": "done", "failed": "FAILED", "would run": "would run"}
CLEAR_LINE = "\r\x1b[K"


class Progress:
    """Takes events from any thread. Durations of earlier runs, kept in the journal, tell what is left.

    :param stream: where to show it; standard error, so that standard output stays data.
    """

    def __init__(self, steps: Iterable[Step], journal: Journal, stream: TextIO = sys.stderr) -> None:  # type: ignore[type-arg]
        self._steps = {step.name: step for step in steps}
        self._journal, self._stream, self._live = journal, stream, stream.isatty()
        self._lock, self._began = threading.Lock(), time.monotonic()
        self._running: dict[str, str] = {}
        self._finished: set[str] = set()
        self._works = False
        self._typical = {name: float(journal.fact(f"seconds/{name}") or 0) for name in self._steps}

    def __call__(self, event: Event) -> None:
        """Show one event."""
        with self._lock:
            self._works = self._works or event.state == "running"
            if event.state in ("checking", "running"):
                self._running[event.step] = event.title
                if event.state == "running" and not self._live:
                    self._line(f"      {event.title} …")
            else:
                self._end(event)
            if self._live:
                self._status()

    def say(self, text: str) -> None:
        """A line in between, such as that operators are needed."""
        with self._lock:
            self._line(f"      {text}")

    def _end(self, event: Event) -> None:
        self._running.pop(event.step, None)
        self._finished.add(event.step)
        if event.state == "done":
            self._journal.remember(f"seconds/{event.step}", f"{event.seconds:.1f}")
        count = f"{len(self._finished):2d}/{len(self._steps)}"
        seconds = f" ({event.seconds:.1f} s)" if event.seconds >= 0.1 else ""
        self._line(f"{count} {event.title}: {WORDS[event.state]}{seconds}{self._left()}")
        if event.text:
            self._line(f"      {event.text}")

    def _left(self) -> str:
        """Nothing as long as every step holds: how long they took to do tells nothing about looking at them."""
        if not self._works:
            return ""
        left = seconds_left(self._steps, self._typical, self._finished)
        return f", about {left:.0f} s left" if left >= 1 else ""

    def _line(self, text: str) -> None:
        clear = CLEAR_LINE if self._live else f"{time.strftime('%H:%M:%S')} "
        print(f"{clear}{text}", file=self._stream, flush=True)

    def _status(self) -> None:
        if self._running:
            names = ", ".join(self._running)
            print(f"{CLEAR_LINE}… {names}"[:110], end="", file=self._stream, flush=True)


def seconds_left(steps: Mapping[str, Step], typical: Mapping[str, float], finished: set[str]) -> float:  # type: ignore[type-arg]
    """The longest chain of unfinished steps, by the seconds that each took last time."""
    memo: dict[str, float] = {}

    def until_end_of(name: str) -> float:
        if name in finished:
            return 0.0
        if name not in memo:
            before = max((until_end_of(need) for need in steps[name].needs), default=0.0)
            memo[name] = before + typical.get(name, 0.0)
        return memo[name]

    return max((until_end_of(name) for name in steps), default=0.0)
