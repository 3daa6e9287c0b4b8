"""What the core's Unix socket carries: frames of a 4-byte big-endian length and one JSON object.

Requests of one connection run side by side: each carries an ``id``, its answer carries the same, in whatever order.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from asyncio import Future, StreamReader, StreamWriter
from collections.abc import Mapping
from typing import Any

from saltern.errors import SalternError

LENGTH_BYTES = 4
MAXIMUM = 8 * 2**20  # bytes of one frame: the largest bulk call, with what JSON adds to it
ANSWER_SECONDS = 30.0

Message = dict[str, Any]


class FrameError(SalternError):
    """A frame is too long, cut off, or holds no JSON object; the connection is of no more use."""


class CoreUnreachable(SalternError):
    """The core's socket takes no connection, or the core went away before it answered."""


def encode(message: Mapping[str, Any], maximum: int = MAXIMUM) -> bytes:
    """The frame of ``message``.

    :raises FrameError: when it is longer than the other side would read.
    """
    try:
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise FrameError("A frame holds text that is no Unicode.") from error
    if len(body) > maximum:
        raise FrameError(f"A frame of {len(body)} bytes is too long, at most {maximum} may be.")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


async def read(reader: StreamReader, maximum: int = MAXIMUM) -> Message | None:
    """The next message, or ``None`` where the other side has closed the connection between two frames.

    :raises FrameError: see there.
    """
    try:
        length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
        if length > maximum:
            raise FrameError(f"A frame of {length} bytes is announced, at most {maximum} may be.")
        body = await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        if not error.partial and error.expected == LENGTH_BYTES:
            return None
        raise FrameError("A frame was cut off.") from error
    except ConnectionError as error:
        raise FrameError("The connection broke.") from error
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError("A frame holds no JSON.") from error
    if not isinstance(message, dict):
        raise FrameError("A frame holds no JSON object.")
    return message


class Channel:
    """One connection to the core, shared by every request of a process; it is made when it is first needed.

    :param path: the core's Unix socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._ids = itertools.count(1)
        self._waiting: dict[int, Future[Message]] = {}
        self._connecting = asyncio.Lock()
        self._writer: StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None

    async def ask(self, message: Mapping[str, Any], seconds: float = ANSWER_SECONDS) -> Message:
        """The core's answer to ``message``. It is not sent twice: whether it was carried out may be unknown.

        :raises CoreUnreachable: no connection, or no answer within ``seconds``.
        :raises FrameError: when the message is too long.
        """
        number = next(self._ids)
        frame = encode({**message, "id": number})
        writer = await self._connected()
        answer: Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            writer.write(frame)
            await writer.drain()
            return await asyncio.wait_for(answer, seconds)
        except (OSError, TimeoutError) as error:
            raise CoreUnreachable("The signing core gave no answer.", cure="systemctl status saltern-ca") from error
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        """End the connection; who still waits for an answer gets :class:`CoreUnreachable`."""
        if self._writer is not None:
            self._writer.close()
        if self._listener is not None:
            await self._listener

    async def _connected(self) -> StreamWriter:
        async with self._connecting:
            if self._writer is None:
                try:
                    reader, self._writer = await asyncio.open_unix_connection(self._path)
                except OSError as error:
                    raise CoreUnreachable(
                        f"The signing core does not listen at {self._path}.", cure="systemctl status saltern-ca"
                    ) from error
                self._listener = asyncio.create_task(self._listen(reader, self._writer))
            return self._writer

    async def _listen(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while (message := await read(reader)) is not None:
                waiting = self._waiting.get(message.pop("id", 0))
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
        except FrameError:
            pass  # whoever waits is told below
        finally:
            self._writer = None
            writer.close()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ConnectionError("the core closed the connection"))
