"""Hears of entries that any server has recorded, while somebody waits for some."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from fake_apimart.observability.log import logger_of
from fake_apimart.state.redis.connection import PREFIX, Connection
from fake_apimart.worlds.entry import Includes
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.watches import Watch, Watches
from fake_apimart.worlds.world import SERVER

CHANNEL = f"{PREFIX}journal"
RETRY_SECONDS = 0.5
"""The pause before Redis is listened to again, after it was away."""

logger = logger_of(__name__)


class PublishedEntry(NamedTuple):
    """What those who wait are told of an entry."""

    id: int
    operation: str | None
    status: int | None


class Listener:
    """Shows what is published to who waits for it; `note_gone` is told of worlds that are gone."""

    def __init__(self, connection: Connection, note_gone: Callable[[str, str], None]) -> None:
        self._connection = connection
        self._note_gone = note_gone
        self._watches = Watches()
        self._listening: asyncio.Task[None] | None = None
        self._hears = asyncio.Event()

    async def close(self) -> None:
        """Listen no more."""
        # Who comes while this one ends begins to listen anew.
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.wait([listening])

    @contextlib.asynccontextmanager
    async def watching(
        self, world: str | None, operation: str | None, includes: Includes
    ) -> AsyncIterator[Watch]:
        """Watch for entries while the block runs, as State.watching does. Raises StateError."""
        with self._watches.watching(world, operation, includes) as watch:
            try:
                await self._start()
                yield watch
            finally:
                if len(self._watches) == 1:
                    await self.close()

    async def _start(self) -> None:
        """Listen, and return once nothing is missed any more."""
        if self._listening is None:
            self._hears.clear()
            self._listening = asyncio.create_task(self._listen())
        await self._connection.call(self._hears.wait())

    async def _listen(self) -> None:
        while True:
            try:
                async with self._connection.listening(CHANNEL) as published:
                    self._hears.set()
                    # What came while nobody listened is found by looking again.
                    self._watches.wake()
                    async for text in published:
                        self._show(text)
            except StateError as error:
                self._hears.clear()
                logger.warning("waits for requests hear nothing: %s", error)
                self._watches.wake()
                await asyncio.sleep(RETRY_SECONDS)

    def _show(self, text: bytes) -> None:
        """Show an entry, which is published as its world, id, operation and status.

        Of a world that was begun anew its name and its token are published, of a journal that was
        emptied its world's name alone.
        """
        world, *news = json.loads(text)
        if len(news) <= 1:
            if news:
                self._note_gone(world, *news)
            self._watches.wake(None if world == SERVER else world)
            return
        entry_id, operation, status = news
        self._watches.show(world, PublishedEntry(entry_id, operation or None, status or None))
