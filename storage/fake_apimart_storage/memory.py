"""`memory://`: objects in the memory of this process, lost when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence

from fake_apimart_storage.description import etag
from fake_apimart_storage.interface import (
    Chunk,
    KeyTest,
    Listed,
    ObjectInfo,
    ObjectNotFound,
    Storage,
    StoredObject,
    Writer,
    any_key,
    check_key,
)

CHUNK_BYTES = 256 * 1024
"""Size of the chunks that a reader gets."""
LIST_BATCH = 256
"""Objects that are listed before other tasks have their turn."""


class MemoryObject(StoredObject):
    """An object whose bytes are in memory."""

    def __init__(self, info: ObjectInfo, data: bytearray) -> None:
        self.info = info
        self.size = len(data)
        self.etag = etag(info.key, self.size)
        self._data = data

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        for offset in range(start, min(stop, self.size), CHUNK_BYTES):
            yield bytes(self._data[offset : min(offset + CHUNK_BYTES, stop)])

    async def close(self) -> None:
        """Do nothing: there is no resource but memory."""


class MemoryWriter(Writer):
    """A writer that collects an object in memory."""

    def __init__(self, storage: MemoryStorage, info: ObjectInfo) -> None:
        check_key(info.key)
        self._storage = storage
        self._info = info
        self._data = bytearray()

    async def write(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self._data += chunk

    async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
        self._storage.put(MemoryObject(self._info, self._data))

    async def abort(self) -> None:
        self._data = bytearray()


class MemoryStorage(Storage):
    """A dict of objects; no call raises StorageError."""

    location = "memory://"

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, MemoryObject] = {}
        self._keys_by_folder: dict[str, dict[str, None]] = {}
        """The keys below each folder, at any depth, to list one world's objects without a scan."""

    async def open(
        self, lifetimes: Mapping[str, int] | None = None, is_own: KeyTest = any_key
    ) -> None:
        """Do nothing: there is nothing to prepare."""

    async def close(self) -> None:
        self.objects.clear()
        self._keys_by_folder.clear()

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        return MemoryWriter(self, info)

    async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
        try:
            return self.objects[key]
        except KeyError:
            raise ObjectNotFound(key) from None

    def put(self, stored: MemoryObject) -> None:
        """Add an object, which is visible from then on."""
        key = stored.info.key
        self.objects[key] = stored
        for folder in _folders(key):
            self._keys_by_folder.setdefault(folder, {})[key] = None

    async def delete(self, key: str, *, durable: bool = False) -> None:
        if self.objects.pop(key, None) is None:
            return
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
