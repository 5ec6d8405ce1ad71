"""The writers of a storage that are under way, which end before it closes."""

from __future__ import annotations

import asyncio
import contextlib

from fake_apimart_storage.interface import StorageError, Writer

GRACE_SECONDS = 2.0
"""How long writers may take to end by themselves, before they are aborted."""


class OpenWriters:
    """The writers that have written something and have neither committed nor aborted."""

    def __init__(self) -> None:
        self._writers: set[Writer] = set()
        self._is_closed = False
        self._ended = asyncio.Event()

    def add(self, writer: Writer) -> None:
        """Count `writer` among those under way. Raises StorageError once the storage closes."""
        if writer in self._writers:
            return
        if self._is_closed:
            raise StorageError("the storage is closed")
        self._writers.add(writer)

    def remove(self, writer: Writer) -> None:
        """Note the end of `writer`; one that was not under way is passed over."""
        self._writers.discard(writer)
        if not self._writers:
            self._ended.set()

    async def close(self) -> None:
        """Take no more writers, wait for those under way, and abort what has not ended in time."""
        self._is_closed = True
        if self._writers:
            self._ended.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), GRACE_SECONDS)
        for writer in tuple(self._writers):
            await writer.abort()
