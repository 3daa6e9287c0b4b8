"""Commands with a time limit, a log and a sign of life every minute."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

QUIET = 60.0  # seconds without output after which a line says what is under way
GRACE = 30.0  # seconds between the polite and the final signal
TIMED_OUT = 124  # as timeout(1) says it


@dataclass(frozen=True)
class Outcome:
    """How a command ended. ``seconds`` is wall time."""

    exit_code: int
    seconds: float

    @property
    def timed_out(self) -> bool:
        """Whether the time limit ended the command."""
        return self.exit_code == TIMED_OUT


def say(text: str) -> None:
    """Prints a line of the runner's own."""
    print(text, flush=True)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a command and all that it started in its process group, politely first."""
    for signal_number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def start(
    command: Sequence[str], root: Path, environment: Mapping[str, str], output: int | IO[bytes]
) -> subprocess.Popen[bytes]:
    """Starts a command in a process group of its own, so that it can be ended with its children."""
    return subprocess.Popen(
        list(command),
        cwd=root,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@dataclass(frozen=True)
class Watch:
    """How a command is followed: into which log, for how many seconds, with which sign of life."""

    log: Path
    timeout: float
    sign_of_life: Callable[[], str]
    echo: bool = True


def run(command: Sequence[str], root: Path, environment: Mapping[str, str], watch: Watch) -> Outcome:
    """Runs a command, copies its output to the log and the terminal, and ends it when its time is over."""
    begin = time.monotonic()
    with watch.log.open("wb") as log:
        process = start(command, root, environment, subprocess.PIPE)
        try:
            finished = _follow(process, log, watch, begin + watch.timeout)
        finally:
            end_group(process)
            if process.stdout is not None:
                process.stdout.close()
    return Outcome(process.returncode if finished else TIMED_OUT, time.monotonic() - begin)


def _follow(process: subprocess.Popen[bytes], log: IO[bytes], watch: Watch, deadline: float) -> bool:
    """Copies output until the command closes it; False when the deadline came first."""
    assert process.stdout is not None
    last = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (now := time.monotonic()) < deadline:
            if selector.select(timeout=1.0):
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    return _ended(process, deadline)
                log.write(data)
                log.flush()
                if watch.echo:
                    sys.stdout.buffer.write(data)
                    sys.stdout.buffer.flush()
                last = now
            elif process.poll() is not None:
                return True  # a daemon that it left behind holds the pipe open
            elif now - last >= QUIET:
                say(watch.sign_of_life())
                last = now
    return False


def _ended(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True
