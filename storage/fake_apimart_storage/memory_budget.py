"""How much a storage in memory holds, unfinished objects included, and how much it may."""

from __future__ import annotations

import asyncio
import math
import time

from fake_apimart_storage.interface import MakeRoom, ObjectInfo, StorageFull

OBJECT_BYTES = 1024
"""What an object takes beside its bytes and its texts: a description, a place in several tables."""
RECORD_TYPE = "application/json"
RESERVE_SHARE = 16
"""Records have one of so many parts of the limit beyond it."""
SECONDS_PER_OBJECT = 10e-6
"""After a vain search for room among so many objects the next one has to wait for so long."""


def overhead(info: ObjectInfo) -> int:
    """Return how many bytes an object counts with beside its own."""
    texts = (info.key, info.content_type, *info.metadata, *info.metadata.values())
    return OBJECT_BYTES + sum(map(len, texts))


class MemoryBudget:
    """The bytes that are `used`, of a `limit`.

    Records, which are small, may go beyond the limit by a sixteenth of it: a full storage must not
    keep anybody from moving the clock or setting what lets files expire.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit = limit
        self.used = 0
        self.make_room: MakeRoom | None = None
        self._making = asyncio.Lock()
        self._next_search = -math.inf

    async def take(self, amount: int, content_type: str, objects: int) -> None:
        """Take `amount` bytes for an object of a type, beside the `objects` that there are.

        What is of no use any more goes first, where the bytes are more than are left. Raises
        StorageFull, and then takes nothing.
        """
        limit = self.limit
        if content_type == RECORD_TYPE:
            limit += limit / RESERVE_SHARE
        if self.used + amount > limit:
            await self._search(limit - amount, objects)
        if self.used + amount > limit:
            raise StorageFull(f"memory:// is full: it holds {self.used} of {self.limit} bytes")
        self.used += amount

    def give_back(self, amount: int) -> None:
        """Give bytes back that were taken."""
        self.used -= amount

    async def _search(self, most: float, objects: int) -> None:
        """Make room until at `most` so much is used, unless that was tried in vain just now."""
        if self.make_room is None:
            return
        async with self._making:
            # Whoever has searched meanwhile may have found enough for both.
            if self.used <= most or time.monotonic() < self._next_search:
                return
            await self.make_room()
            if self.used > most:
                self._next_search = time.monotonic() + SECONDS_PER_OBJECT * objects
