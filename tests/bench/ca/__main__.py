"""`tests/bench/ca/run` arrives here. It only prints: no figure makes it fail."""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import socket
import statistics
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import support_ca_services
from saltern.cfssl import auth
from support_certificates import Root
from support_cfssl import KEY_TEXT, csr_pem
from support_cfssl_door import multirootca

CONNECTIONS, BULK = 8, 100
TICKS = os.sysconf("SC_CLK_TCK")
LUA = """
wrk.method = "POST"
wrk.body = [==[%s]==]
wrk.headers["Content-Type"] = "application/json"
local bad = 0
function response(status) if status ~= 200 then bad = bad + 1; if bad == 1 then print("refused: " .. status) end end end
"""


@dataclass(frozen=True)
class Peer:
    """Something that signs: where, and which processes do it."""

    port: int
    key: bytes
    label: str
    pids: tuple[int, ...]


@dataclass(frozen=True)
class Figures:
    """Certificates a second, and processor microseconds for each."""

    rate: float
    cpu: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="tests/bench/ca/run", description="Signing over HTTPS, 8 connections, P-256, against Debian's multirootca."
    )
    parser.add_argument("--seconds", type=int, default=5, metavar="N", help="of each measurement (default 5)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="to take the median of (default 3)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="saltern-bench-") as directory:
        print(_measure(Path(directory), given.seconds, given.rounds))


def _measure(directory: Path, seconds: int, rounds: int) -> str:
    request = {"certificate_request": csr_pem("a.example.org"), "profile": "web"}
    found: dict[str, list[Figures]] = {"multirootca": [], "saltern-ca": [], "saltern-ca bulk": []}
    with _ours(directory / "ours") as ours, _multirootca(directory / "peer") as peer:
        single = {**request, "label": ours.label}
        bulk = {"label": ours.label, "profile": "web"}
        bulk["requests"] = [{"certificate_request": request["certificate_request"]}] * BULK  # type: ignore[assignment]
        for _ in range(rounds):
            found["multirootca"].append(_load(peer, "cfssl", {**request, "label": peer.label}, seconds, 1))
            found["saltern-ca"].append(_load(ours, "cfssl", single, seconds, 1))
            found["saltern-ca bulk"].append(_load(ours, "saltern", bulk, seconds, BULK))
    return _report(found)


def _report(found: dict[str, list[Figures]]) -> str:
    def median(name: str, of: Callable[[Figures], float]) -> float:
        return statistics.median(of(one) for one in found[name])

    lines = [
        f"{name:<16} {median(name, lambda one: one.rate):7.0f} certificates/s  "
        f"{median(name, lambda one: one.cpu):6.0f} us of processor each"
        for name in found
    ]
    base = median("multirootca", lambda one: one.rate)
    lines.append(f"ratio ca-http: {median('saltern-ca', lambda one: one.rate) / base:.2f} (goal 1.0 or more)")
    lines.append(f"ratio ca-bulk: {median('saltern-ca bulk', lambda one: one.rate) / base:.2f} (goal 1.5 or more)")
    return "\n".join(lines)


def _load(peer: Peer, api: str, inner: dict[str, object], seconds: int, certificates: int) -> Figures:
    """What wrk gets signed; each request carries so many certificates."""
    text = json.dumps(inner).encode()
    body = json.dumps(
        {"token": base64.b64encode(auth.token(peer.key, text)).decode(), "request": base64.b64encode(text).decode()}
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA % body)
        script.flush()
        url = f"https://127.0.0.1:{peer.port}/api/v1/{api}/authsign"
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script.name, url]
        before, began = sum(map(_cpu, peer.pids)), time.monotonic()
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        took, used = time.monotonic() - began, sum(map(_cpu, peer.pids)) - before
    done = re.search(r"(\d+) requests in", printed)
    if "refused" in printed or done is None or not int(done[1]):
        raise SystemExit(f"tests/bench/ca/run: wrk saw no certificates:\n{printed}")
    signed = int(done[1]) * certificates
    return Figures(signed / took, used / signed * 1e6)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def _ours(directory: Path) -> Iterator[Peer]:
    directory.mkdir()
    with support_ca_services.running(directory) as services:
        pids = (*services.pids, _server_of(directory / "core.sock"))
        yield Peer(services.port, auth.key_of(services.key), "support", pids)


def _server_of(path: Path) -> int:
    """The process behind a Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", peer)[0])


@contextmanager
def _multirootca(directory: Path) -> Iterator[Peer]:
    """With the same kind of root, profile and key; it keeps no inventory."""
    directory.mkdir()
    with multirootca(directory, Root(directory / "tls", "tls"), "720h") as (process, port):
        assert process.running is not None
        yield Peer(port, auth.key_of(KEY_TEXT), "primary", (process.running.pid,))


if __name__ == "__main__":
    main()
