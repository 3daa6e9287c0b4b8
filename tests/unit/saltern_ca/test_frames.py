from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from saltern_ca import frames
from saltern_ca.frames import Channel, CoreUnreachable, FrameError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def read_from(data: bytes, maximum: int = 1000) -> frames.Message | None:
    async def run() -> frames.Message | None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await frames.read(reader, maximum)

    return asyncio.run(run())


def test_a_message_comes_back_as_it_was_sent() -> None:
    message = {"op": "cfssl", "body": "ä\n\x00", "id": 1}
    assert read_from(frames.encode(message)) == message


def test_the_end_between_two_frames_is_no_error() -> None:
    assert read_from(b"") is None


@pytest.mark.parametrize(
    "data",
    [b"\0", b"\0\0\0\x05{}", b"\0\0\0\x02[]", b"\0\0\0\x01{", b"\xff\xff\xff\xff", b"\0\0\0\x00", b"\0\0\0\x01\xff"],
)
def test_what_is_no_frame_is_an_error(data: bytes) -> None:
    with pytest.raises(FrameError):
        read_from(data)


def test_a_frame_that_nobody_would_read_is_not_written() -> None:
    with pytest.raises(FrameError, match="too long"):
        frames.encode({"body": "x" * 100}, maximum=100)
    with pytest.raises(FrameError, match="no Unicode"):
        frames.encode({"body": "\ud800"})


def with_core(path: Path, serve: Serve, use: Callable[[Channel], Awaitable[None]]) -> None:
    async def run() -> None:
        server = await asyncio.start_unix_server(serve, str(path))
        channel = Channel(str(path))
        await use(channel)
        await channel.close()
        server.close()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_answers_in_any_order_reach_who_asked(tmp_path: Path) -> None:
    async def backwards(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = [await frames.read(reader) for _ in range(3)]
        for message in reversed(asked):
            assert message is not None
            writer.write(frames.encode(message))
        writer.close()

    async def use(channel: Channel) -> None:
        answers = await asyncio.gather(*(channel.ask({"number": number}) for number in range(3)))
        assert [answer["number"] for answer in answers] == [0, 1, 2]

    with_core(tmp_path / "s", backwards, use)


def test_a_core_that_goes_away_is_told_and_asked_again_later(tmp_path: Path) -> None:
    calls: list[int] = []

    async def once_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        message = await frames.read(reader)
        calls.append(1)
        if len(calls) > 1 and message is not None:
            writer.write(frames.encode(message))
        writer.close()

    async def use(channel: Channel) -> None:
        with pytest.raises(CoreUnreachable):
            await channel.ask({"number": 1})
        assert await channel.ask({"number": 2}) == {"number": 2}
        assert len(calls) == 2

    with_core(tmp_path / "s", once_silent, use)


def test_a_core_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CoreUnreachable, match="does not listen"):
        asyncio.run(Channel(str(tmp_path / "none")).ask({}))
