"""Says what is going on and how long it takes: by the durations of earlier runs, else by typical ones."""

from __future__ import annotations

import fcntl
import json
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INTERVAL = 15.0  # seconds between two lines about the same step, where there is no terminal


class Progress:
    """Prints steps. Durations are kept in ``path`` by the steps' titles."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.started = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._clear = "\r\033[K" if self._terminal else ""
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print one line with the time since the start."""
        with self._lock:
            print(f"{self._clear}[{self.elapsed():4.0f} s] {text}", flush=True)

    def elapsed(self) -> float:
        """Seconds since this command began."""
        return time.monotonic() - self.started

    def expected(self, title: str, typical: float) -> float:
        """How many seconds a step took the last time on this machine, else its typical duration."""
        return float(self._durations().get(title, typical))

    @contextmanager
    def step(
        self, title: str, typical: float, *, shows_itself: bool = False, log: Path | None = None
    ) -> Iterator[None]:
        """Show that a step runs, for how long, and how long it should take.

        :param typical: seconds it takes where no earlier run is known.
        :param shows_itself: the step prints its own progress, so nothing is printed in between.
        :param log: a file whose last line says where the step is.
        """
        expected, began, done = self.expected(title, typical), time.monotonic(), threading.Event()
        self.say(f"{title} … (about {expected:.0f} s)")

        def remind() -> None:
            while not shows_itself and not done.wait(1.0 if self._terminal else INTERVAL):
                left = max(expected - (time.monotonic() - began), 0)
                # A log has a countdown of its own, so that there is one only.
                text = _last_line(log) or f"{title}: {time.monotonic() - began:.0f} s, about {left:.0f} s left"
                if self._terminal:
                    line = f"[{self.elapsed():4.0f} s] {text}"[: shutil.get_terminal_size().columns - 1]
                    with self._lock:
                        print(f"\r\033[K{line}", end="", flush=True)
                else:
                    self.say(text)

        thread = threading.Thread(target=remind, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
        took = time.monotonic() - began
        if took >= 1 or expected < 10:  # else there was nothing to do, which tells nothing about the next time
            self._record(title, took)
        self.say(f"{title}: done in {took:.0f} s")

    def _durations(self) -> dict[str, float]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _record(self, title: str, took: float) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # labs that come up side by side share the file
            durations = {**self._durations(), title: round(took, 1)}
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps(durations, indent=1), encoding="utf-8")
            new.replace(self.path)


def _last_line(log: Path | None) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log and log.exists() else []
    return lines[-1].strip() if lines else ""
