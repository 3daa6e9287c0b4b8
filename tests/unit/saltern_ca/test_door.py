"""What the door does by itself, before a core that only notes what it is asked."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from saltern.cfssl import messages
from saltern.cfssl.api import BULK, CFSSL
from saltern_ca import door, frames

SIGN, CRL = CFSSL + "sign", CFSSL + "crl"
Asked = list[tuple[str, str, str]]


def ask(method: str, path: str, data: bytes = b"") -> tuple[int, dict[str, Any], Asked]:
    asked: Asked = []

    async def core(path: str, body: str, remote: str) -> tuple[int, str]:
        asked.append((path, body, remote))
        return 200, '{"success": true}'

    async def run() -> tuple[int, dict[str, Any]]:
        async with TestClient(TestServer(door.application(core))) as client:
            answer = await client.request(method, path, data=data)
            return answer.status, await answer.json()

    return *asyncio.run(run()), asked


def test_path_body_and_address_reach_the_core() -> None:
    assert ask("POST", SIGN, b'{"a": 1}') == (200, {"success": True}, [(SIGN, '{"a": 1}', "127.0.0.1")])


def test_the_revocation_list_is_asked_for_by_get_as_in_cfssl() -> None:
    assert ask("GET", CRL + "?label=a%22b")[2] == [(CRL, json.dumps({"label": 'a"b'}), "127.0.0.1")]


@pytest.mark.parametrize(
    ("method", "path", "data", "status", "message"),
    [
        ("GET", SIGN, b"", 405, "only POST is permitted"),
        ("POST", "/", b"", 404, "no such endpoint"),
        ("POST", CFSSL + "../sign", b"", 404, "no such endpoint"),
        ("POST", SIGN, b"\xff", 400, "the request is not valid JSON"),
        ("POST", SIGN, b"x" * (messages.MAXIMUM_BODY + 1), 413, "request too large"),
        ("POST", BULK, b"x" * (messages.MAXIMUM_BULK_BODY + 1), 413, "request too large"),
    ],
)
def test_what_the_door_refuses_is_logged_once_and_never_reaches_the_core(
    method: str, path: str, data: bytes, status: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "saltern_ca.door"):
        found, answer, asked = ask(method, path, data)
    assert (found, asked) == (status, [])
    assert answer["errors"][0]["message"].startswith(message)
    assert len([record for record in caplog.records if record.name == "saltern_ca.door"]) == 1


@pytest.mark.parametrize("reply", [{"error": "locked", "cure": "x"}, {"status": "200"}, None], ids=str)
def test_a_core_that_cannot_answer_is_told_without_its_reason(tmp_path: Path, reply: dict[str, Any] | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        message = await frames.read(reader)
        if reply is not None and message is not None:
            writer.write(frames.encode({**reply, "id": message["id"]}))
        writer.close()

    async def run() -> tuple[int, dict[str, Any]]:
        server = await asyncio.start_unix_server(serve, str(tmp_path / "s"))
        channel = frames.Channel(str(tmp_path / "s"))
        async with TestClient(TestServer(door.application(door.by_channel(channel)))) as client:
            answer = await client.post(SIGN, data=b"{}")
            found = answer.status, await answer.json()
        await channel.close()
        server.close()
        return found

    status, answer = asyncio.run(run())
    assert (status, answer["errors"]) == (503, [{"code": 1000, "message": "the authority cannot sign now"}])
