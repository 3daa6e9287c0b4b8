"""What the lab tier needs and takes long: made in the background while the quick tiers run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runner.process import QUIET, end_group, say, start


@dataclass
class Preparation:
    """One command that runs in the background with its output in a log.

    :param timeout: seconds from its start.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    timeout: float
    process: subprocess.Popen[bytes] | None = None
    begin: float = field(default_factory=time.monotonic)

    def launch(self, root: Path, environment: Mapping[str, str]) -> None:
        """Starts the command; a program that does not exist shows when it is waited for."""
        self.begin = time.monotonic()
        with self.log.open("wb") as log:
            try:
                self.process = start(self.command, root, environment, log)
            except FileNotFoundError as error:
                log.write(f"{error}\n".encode())
                return
        say(f"background: {self.name} started, log {self.log}")

    @property
    def running(self) -> bool:
        """Whether the command is still at work."""
        return self.process is not None and self.process.poll() is None

    def progress(self) -> str:
        """One line: how long it has run and the last thing it said."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        last = lines[-1][:100] if lines else "nothing said yet"
        return f"{self.name} ({(time.monotonic() - self.begin) / 60:.0f} min): {last}"

    def stop(self) -> None:
        """Ends the command if it still runs."""
        if self.process is not None and self.running:
            end_group(self.process)


def progress(preparations: list[Preparation]) -> str:
    """What goes on in the background, in one line; empty when nothing does."""
    return "; ".join(preparation.progress() for preparation in preparations if preparation.running)


def wait(preparations: list[Preparation], deadline: float) -> list[str]:
    """Waits for all preparations and says every minute how they are; returns what went wrong.

    :param deadline: on the monotonic clock, in seconds; a preparation's own time limit may come first.
    """
    last = time.monotonic()
    while any(preparation.running for preparation in preparations):
        now = time.monotonic()
        for preparation in preparations:
            if now > min(deadline, preparation.begin + preparation.timeout):
                preparation.stop()
        if now - last >= QUIET:
            say(f"waiting for the background: {progress(preparations)}")
            last = now
        _wait_for_one(preparations)
    return [_verdict(preparation) for preparation in preparations if not _succeeded(preparation)]


def _wait_for_one(preparations: list[Preparation]) -> None:
    for preparation in preparations:
        if preparation.process is not None and preparation.running:
            try:
                preparation.process.wait(1.0)
            except subprocess.TimeoutExpired:
                return


def _succeeded(preparation: Preparation) -> bool:
    return preparation.process is not None and preparation.process.returncode == 0


def _verdict(preparation: Preparation) -> str:
    code = "was not started" if preparation.process is None else f"ended with {preparation.process.returncode}"
    tail = "\n    ".join(preparation.log.read_text(errors="replace").splitlines()[-15:])
    return f"{preparation.name} {code}; the end of {preparation.log}:\n    {tail}"
