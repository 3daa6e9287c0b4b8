"""The daemon of one lab: takes JSON lines on a Unix socket and does what the cloud's methods say.

Nodes do not depend on it: each has a supervisor of its own. A daemon that is killed is started again and finds them.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socketserver
import subprocess
import sys
import traceback

from saltern.errors import LabError, SalternError
from saltern_lab import client, wait
from saltern_lab.cloud import Cloud
from saltern_lab.settings import REPOSITORY, Lab

LONGEST_LINE = 1 << 20  # bytes


class _Handler(socketserver.StreamRequestHandler):
    """One connection: requests are answered in their order until the other side closes."""

    server: Server

    def handle(self) -> None:
        while line := self.rfile.readline(LONGEST_LINE + 1):
            answer = self._answer(line)
            try:
                self.wfile.write(json.dumps(answer).encode() + b"\n")
            except (BrokenPipeError, ConnectionResetError):
                return  # nobody waits for it any more
            if len(line) > LONGEST_LINE:
                return

    def _answer(self, line: bytes) -> dict[str, object]:
        if len(line) > LONGEST_LINE:
            return {"error": f"The request is longer than {LONGEST_LINE} bytes."}
        try:
            request = json.loads(line)
        except ValueError as error:
            return {"error": f"The request is no JSON: {error}."}
        if not isinstance(request, dict):
            return {"error": "The request is no object."}
        try:
            return {"result": self.server.cloud.call(request.get("method"), request.get("params"))}
        except SalternError as error:
            return {"error": str(error)}
        except OSError as error:
            traceback.print_exc()  # into the daemon's log
            return {"error": f"{request.get('method')} failed: {error}. The lab's daemon.log tells more."}


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens on the lab's socket."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, lab: Lab) -> None:
        self.cloud = Cloud(lab)
        lab.socket.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            super().__init__(str(lab.socket), _Handler)
        finally:
            os.umask(before)


def serve(lab: Lab) -> int:
    """Be the daemon until SIGTERM. A second one for the same lab ends at once."""
    lock = lab.daemon_lock.open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LabError(f"Lab {lab.name} has a daemon already.") from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Server(lab) as server:
        server.serve_forever()
    return 0


def process(lab: Lab) -> int | None:
    """The process id of the lab's daemon, None when it does not run."""
    try:
        with lab.daemon_lock.open("r+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0) or None
    except FileNotFoundError:
        return None
    return None


def start(lab: Lab) -> None:
    """Start the daemon unless it runs; returns when it answers."""
    if process(lab) is None:
        lab.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lab.daemon_log.open("ab") as log:
            started = subprocess.Popen(
                ["/usr/bin/python3", "-m", "saltern_lab", "daemon"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env={
                    **{name: os.environ[name] for name in ("SALTERN_CACHE", "PATH") if name in os.environ},
                    "SALTERN_LAB": lab.name,
                    "PYTHONPATH": f"{REPOSITORY}/lab:{REPOSITORY}/_utils",
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "LANG": "C.UTF-8",
                },
            )
        wait.until(lambda: _answers(lab) or started.poll() is not None, "the lab's daemon answers", 20)
        if started.poll() is not None:
            tail = lab.daemon_log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
            raise LabError(f"The lab's daemon did not start: {' / '.join(tail)}")


def stop(lab: Lab) -> None:
    """End the daemon; what it was doing for somebody is broken off."""
    running = process(lab)
    if running:
        try:
            os.kill(running, signal.SIGKILL)
        except ProcessLookupError:
            return
        wait.until(lambda: process(lab) is None, "the lab's daemon has ended", 10)


def _answers(lab: Lab) -> bool:
    try:
        client.call(lab.socket, "sizes")
    except LabError:
        return False
    return True
