"""The journals of the worlds of one server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable

from fake_apimart.common.waits import HEAVY_BATCH, pausing
from fake_apimart.state.memory import journal
from fake_apimart.state.memory.world import MemoryWorld, all_of, held
from fake_apimart.worlds.entry import Entry, Includes, Journaled
from fake_apimart.worlds.pool import Pool
from fake_apimart.worlds.state.journals import Journals, JournalSize
from fake_apimart.worlds.watches import Watch, Watches
from fake_apimart.worlds.world import World


class MemoryJournals(Journals):
    """The journals of the worlds in a pool, and who waits for entries."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._watches = Watches()
        self._bytes = 0

    async def record(self, world: World, entry: Entry) -> None:
        """Add or complete an entry.

        If the journals together exceed their limit, entries of idle worlds are evicted first.
        """
        if world.gone:
            return
        kept = held(world).journal
        entry.world = world.name
        if not entry.id:
            self._bytes += kept.add(entry)
        else:
            self._bytes += kept.update(entry)
        self._watches.show(world.name, entry)
        if self._bytes > journal.MAX_BYTES:
            self._trim(held(world))

    def _trim(self, last: MemoryWorld) -> None:
        """Evict entries: the server's first, then those of the longest idle worlds, last `last`."""
        # Free more than needed, so that not every request has to scan all worlds.
        target = journal.MAX_BYTES * 9 // 10
        for world in [*all_of(self._pool), last]:
            while world.journal.entries and self._bytes > target:
                self._bytes -= world.journal.drop_oldest()

    async def entries(
        self, world: World | None, includes: Includes, since: int = 0
    ) -> list[Journaled]:
        found: list[Journaled] = []
        async for each in pausing(all_of(self._pool, world), HEAVY_BATCH):
            found += each.journal.matching(includes, since)
        found.sort(key=lambda entry: entry.id)
        return found

    async def size(self, world: World) -> JournalSize:
        kept = held(world).journal
        return JournalSize(len(kept.entries), kept.bytes)

    async def clear(self, world: World | None) -> None:
        async for each in pausing(all_of(self._pool, world)):
            freed = each.journal.clear()
            if not each.gone:
                self._bytes -= freed
        self._watches.wake(None if world is None else world.name)

    @contextlib.asynccontextmanager
    async def watching(
        self, world: World | None, operation: str | None, includes: Includes
    ) -> AsyncIterator[Watch]:
        name = None if world is None else world.name
        with self._watches.watching(name, operation, includes) as watch:
            yield watch

    @property
    def waiting(self) -> int:
        """How many wait for entries."""
        return len(self._watches)

    def let_go(self, worlds: Iterable[World]) -> None:
        """Count the journals of worlds no longer, which have left the pool."""
        self._bytes -= sum(held(world).journal.bytes for world in worlds)

    def take_back(self, worlds: Iterable[World]) -> None:
        """Count the journals of worlds again."""
        self._bytes += sum(held(world).journal.bytes for world in worlds)

    def end(self, worlds: Iterable[World]) -> None:
        """Empty the journals of worlds that are gone, and wake who waits for their entries."""
        for world in worlds:
            held(world).journal.clear()
            self._watches.wake(world.name)
