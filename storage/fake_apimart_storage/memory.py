"""`memory://`: objects in the memory of this process, within a limit, lost when it ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence

from fake_apimart_storage.description import etag
from fake_apimart_storage.interface import (
    Chunk,
    Listed,
    MakeRoom,
    ObjectInfo,
    ObjectNotFound,
    Storage,
    StorageFull,
    StoredObject,
    Writer,
)
from fake_apimart_storage.keys import KeyTest, any_key, check_key

CHUNK_BYTES = 256 * 1024
"""Size of the chunks that a reader gets."""
LIST_BATCH = 256
"""Objects that are listed before other tasks have their turn."""
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
            if self.used <= most or asyncio.get_running_loop().time() < self._next_search:
                return
            await self.make_room()
            if self.used > most:
                self._next_search = asyncio.get_running_loop().time() + SECONDS_PER_OBJECT * objects


class MemoryObject(StoredObject):
    """An object whose bytes are in memory."""

    def __init__(self, info: ObjectInfo, data: bytearray) -> None:
        self.info = info
        self.size = len(data)
        self.etag = etag(info.key, self.size)
        self._data = data

    @property
    def held_bytes(self) -> int:
        """How much memory the object counts with."""
        return overhead(self.info) + self.size

    def described_as(self, info: ObjectInfo) -> MemoryObject:
        """Return an object of the same bytes with another description."""
        return MemoryObject(info, self._data)

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        for offset in range(start, min(stop, self.size), CHUNK_BYTES):
            yield bytes(self._data[offset : min(offset + CHUNK_BYTES, stop)])

    async def close(self) -> None:
        """Do nothing: there is no resource but memory."""


class MemoryWriter(Writer):
    """A writer that collects an object in memory, whose bytes count from the first on."""

    def __init__(self, storage: MemoryStorage, info: ObjectInfo) -> None:
        check_key(info.key)
        self._storage = storage
        self._info = info
        self._data = bytearray()
        self._taken = 0

    async def write(self, chunks: Iterable[Chunk]) -> None:
        chunks = tuple(chunks)
        await self._take(sum(map(len, chunks)))
        for chunk in chunks:
            self._data += chunk

    async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
        await self._take(0)
        # The object counts from here on: nobody else has a turn in between.
        self._give_back()
        self._storage.put(MemoryObject(self._info, self._data))

    async def abort(self) -> None:
        self._data = bytearray()
        self._give_back()

    async def _take(self, amount: int) -> None:
        """Count bytes, and once what an object takes beside them. Raises StorageFull."""
        if not self._taken:
            amount += overhead(self._info)
        if not amount:
            return
        storage = self._storage
        await storage.budget.take(amount, self._info.content_type, len(storage.objects))
        self._taken += amount

    def _give_back(self) -> None:
        taken, self._taken = self._taken, 0
        self._storage.budget.give_back(taken)


class MemoryStorage(Storage):
    """A dict of objects, of at most `limit` bytes; calls raise no StorageError but StorageFull."""

    location = "memory://"

    def __init__(self, limit: float = math.inf) -> None:
        super().__init__()
        self.budget = MemoryBudget(limit)
        self.objects: dict[str, MemoryObject] = {}
        self._keys_by_folder: dict[str, dict[str, None]] = {}
        """The keys below each folder, at any depth, to list one world's objects without a scan."""

    async def open(
        self, lifetimes: Mapping[str, int] | None = None, is_own: KeyTest = any_key
    ) -> None:
        """Do nothing: there is nothing to prepare."""

    async def close(self) -> None:
        for stored in self.objects.values():
            self.budget.give_back(stored.held_bytes)
        self.objects.clear()
        self._keys_by_folder.clear()

    def when_full(self, make_room: MakeRoom) -> None:
        self.budget.make_room = make_room

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        return MemoryWriter(self, info)

    async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
        try:
            return self.objects[key]
        except KeyError:
            raise ObjectNotFound(key) from None

    async def redescribe(self, stored: StoredObject, info: ObjectInfo) -> None:
        # Without a second copy of the bytes: there may be no room for it.
        self.put((await self.get(info.key)).described_as(info))

    def put(self, stored: MemoryObject) -> None:
        """Add an object, which is visible from then on, in place of one under the same key."""
        key = stored.info.key
        before = self.objects.get(key)
        self.budget.give_back((before.held_bytes if before else 0) - stored.held_bytes)
        self.objects[key] = stored
        for folder in _folders(key):
            self._keys_by_folder.setdefault(folder, {})[key] = None

    async def delete(self, key: str, *, durable: bool = False) -> None:
        stored = self.objects.pop(key, None)
        if stored is None:
            return
        self.budget.give_back(stored.held_bytes)
        for folder in _folders(key):
            keys = self._keys_by_folder[folder]
            del keys[key]
            if not keys:
                del self._keys_by_folder[folder]

    async def delete_many(self, keys: Sequence[str]) -> None:
        for number, key in enumerate(keys, 1):
            await self.delete(key)
            if number % LIST_BATCH == 0:
                await asyncio.sleep(0)

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        folder = prefix[: prefix.rfind("/") + 1]
        keys = tuple(self._keys_by_folder.get(folder, ()) if folder else self.objects)
        for number, key in enumerate(keys, 1):
            if key.startswith(prefix) and key in self.objects:
                yield key
            if number % LIST_BATCH == 0:
                await asyncio.sleep(0)

    async def described(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        for number, key in enumerate(keys, 1):
            found = self.objects.get(key)
            if found is not None:
                yield Listed(key, found.info, found.size)
            if number % LIST_BATCH == 0:
                await asyncio.sleep(0)


def _folders(key: str) -> Iterator[str]:
    """Yield the folders of a key, the outermost first, each with its trailing slash."""
    end = key.find("/")
    while end >= 0:
        yield key[: end + 1]
        end = key.find("/", end + 1)
