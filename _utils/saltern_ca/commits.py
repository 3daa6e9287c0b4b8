"""Groups what is to be written: requests that wait at the same time share one durable commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from saltern.errors import CertificateError
from saltern.pki.inventory import Record


class GroupCommit:
    """Writes records so that they are on disk when :meth:`commit` returns.

    A disk's sync costs milliseconds, a signature microseconds: whatever was signed during one sync goes into the next.

    :param add: writes records, all or none, durably; called in one thread, never twice at once.
    """

    def __init__(self, add: Callable[[Sequence[Record]], None]) -> None:
        self._add = add
        self._waiting: list[tuple[Sequence[Record], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inventory")

    async def commit(self, records: Sequence[Record]) -> None:
        """Return when the records are on disk.

        :raises CertificateError: when they could not be written; then nothing that they describe may leave.
        """
        if not records:
            return
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.append((records, written))
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._write())
        await written

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            rows = [record for records, _ in group for record in records]
            failure: CertificateError | None = None
            try:
                await loop.run_in_executor(self._thread, self._add, rows)
            except CertificateError as error:
                failure = error
            except (ValueError, TypeError, OverflowError) as error:  # a fault of ours: whoever waits must hear of it
                failure = CertificateError(f"The inventory did not take its records: {error}.")
            for _, written in group:
                if written.cancelled():
                    continue
                if failure:
                    written.set_exception(failure)
                else:
                    written.set_result(None)
