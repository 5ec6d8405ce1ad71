"""`memory://`: objects in this process, gone with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping

from fake_apimart_storage.etag import etag
from fake_apimart_storage.interface import (
    Chunk,
    ObjectInfo,
    ObjectNotFound,
    Storage,
    StoredObject,
    Writer,
    check_key,
)

CHUNK_BYTES = 256 * 1024


class MemoryObject(StoredObject):
    def __init__(self, info: ObjectInfo, data: bytearray) -> None:
        self.info = info
        self.size = len(data)
        self.etag = etag(info.key, self.size)
        self._data = data

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        for offset in range(start, min(stop, self.size), CHUNK_BYTES):
            yield bytes(self._data[offset : min(offset + CHUNK_BYTES, stop)])

    async def close(self) -> None:
        """Nothing is held that the garbage collector does not see."""


class MemoryWriter(Writer):
    def __init__(self, storage: MemoryStorage, info: ObjectInfo) -> None:
        check_key(info.key)
        self._storage = storage
        self._info = info
        self._data = bytearray()

    async def write(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self._data += chunk

    async def commit(self) -> None:
        self._storage.put(MemoryObject(self._info, self._data))

    async def abort(self) -> None:
        self._data = bytearray()


class MemoryStorage(Storage):
    """Objects in a dict. Nothing survives the process; nothing can fail."""

    location = "memory://"

    def __init__(self) -> None:
        self.objects: dict[str, MemoryObject] = {}
        self._below: dict[str, dict[str, None]] = {}
        """The keys below each folder, at any depth: what a world has is found without a look at
        all others."""

    async def open(self, lifetimes: Mapping[str, int] | None = None) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        self.objects.clear()
        self._below.clear()

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        return MemoryWriter(self, info)

    async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
        try:
            return self.objects[key]
        except KeyError:
            raise ObjectNotFound(key) from None

    def put(self, stored: MemoryObject) -> None:
        """Make an object visible."""
        key = stored.info.key
        self.objects[key] = stored
        for folder in _folders(key):
            self._below.setdefault(folder, {})[key] = None

    async def delete(self, key: str) -> None:
        if self.objects.pop(key, None) is None:
            return
        for folder in _folders(key):
            keys = self._below[folder]
            del keys[key]
            if not keys:
                del self._below[folder]

    async def entries(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        folder = prefix[: prefix.rfind("/") + 1]
        for key in tuple(self._below.get(folder, ()) if folder else self.objects):
            found = self.objects.get(key)
            if found is not None and key.startswith(prefix):
                yield found.info


def _folders(key: str) -> Iterator[str]:
    """Those that a key lies in, the outermost first, each with its slash."""
    end = key.find("/")
    while end >= 0:
        yield key[: end + 1]
        end = key.find("/", end + 1)
