"""Bytes that nobody meant to send: through every parser by atheris, and through the door over TLS."""

from __future__ import annotations

import asyncio
import json
import random
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from saltern.cfssl.api import OPERATIONS
from saltern.clients.cfssl import Cfssl
from support_cfssl import KEY, authenticated, csr_pem
from support_cfssl_door import Door

RUNS = 10_000
HTTP_CALLS = 3_000
SIDE_BY_SIDE = 50
ANSWER_SECONDS = 1.0
TARGETS = ("body", "request", "csr", "authority", "frame", "roots", "config")
LENGTHS = (b"0", b"-1", b"1", b"9" * 30, b"x", b"70000", b"5000000")


@pytest.mark.parametrize("target", TARGETS)
def test_no_bytes_bring_forth_an_undeclared_error(target: str, tmp_path: Path) -> None:
    script = Path(__file__).with_name("fuzz_target.py")
    options = [f"-runs={RUNS}", "-max_len=4096", "-timeout=10", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    command = [sys.executable, str(script), target, str(corpus), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output[-3000:]
    done = re.search(r"Done (\d+)", output)
    assert done is not None, output[-3000:]
    assert int(done[1]) >= RUNS


def test_the_door_survives_malformed_http(door: Door) -> None:
    """Every answer has a status below 500; afterwards the door still signs; no traceback was logged."""
    chosen = random.Random(1)  # noqa: S311 - not a secret
    statuses = asyncio.run(answers(door, [malformed(chosen) for _ in range(HTTP_CALLS)]))
    assert {200, 400, 404, 405, 413} <= statuses
    assert all(200 <= status < 500 for status in statuses), statuses
    client = Cfssl("127.0.0.1", str(door.ca_file), port=door.port)
    client.key = KEY
    assert "BEGIN CERTIFICATE" in client.authsign(csr_pem("a.example.org"), label="primary", profile="web")
    assert "Traceback" not in door.process.log()


def malformed(chosen: random.Random) -> bytes:
    """A request that is wrong somewhere: its line, its headers, its length, its chunks or its body."""
    request = {"certificate_request": csr_pem("a.example.org"), "profile": "web"} if chosen.random() < 0.02 else {}
    body = bytearray(chosen.choice([authenticated(request), json.dumps(request).encode(), chosen.randbytes(40), b""]))
    for _ in range(chosen.randrange(4)):
        if body:
            body[chosen.randrange(len(body))] = chosen.randrange(256)
    path = chosen.choice(
        [*OPERATIONS, "/", "/api/v1/cfssl/%00", "/" + "a" * 5000, "*", "//x", "/api/v1/cfssl/crl?label=%ff"]
    )
    method = chosen.choice(["POST", "POST", "POST", "GET", "PUT", "BREW", "po st", ""])
    head = f"{method} {path} HTTP/{chosen.choice(['1.1', '1.0', '9.9', ''])}\r\nHost: x\r\n".encode()
    kind = chosen.randrange(5)
    if kind == 0:
        head += b"Transfer-Encoding: chunked\r\n"
        body = bytearray(chosen.choice([b"zz\r\n", b"5\r\nab\r\n0\r\n\r\n", b"ffffffffffffffff\r\n", b"-1\r\n\r\n"]))
    elif kind == 1:
        head += b"Content-Length: " + chosen.choice(LENGTHS) + b"\r\n"
    elif kind == 2:
        head += b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(body)
    elif kind == 3:
        head += b"X: " + chosen.randbytes(20) + b"\r\n" + b"Y: " + b"y" * chosen.choice([10, 9000]) + b"\r\n"
    else:
        head += b"Content-Length: %d\r\n" % len(body)
    return head + b"\r\n" + bytes(body)


async def answers(door: Door, requests: list[bytes]) -> set[int]:
    """The statuses that came back, of calls side by side."""
    context = ssl.create_default_context(cafile=str(door.ca_file))
    places = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(data: bytes) -> set[int]:
        async with places:
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port, ssl=context)
            writer.write(data)
            try:
                answer = await asyncio.wait_for(reader.read(65536), ANSWER_SECONDS)
            except (TimeoutError, ConnectionError):  # the door waits for the rest of a body, or has had enough
                return set()
            finally:
                writer.transport.abort()
            return {int(status) for status in re.findall(rb"^HTTP/1\.[01] (\d{3})", answer, re.MULTILINE)}

    return set().union(*await asyncio.gather(*(one(data) for data in requests)))
