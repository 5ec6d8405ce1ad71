"""`memory://`: objects in this process, gone with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping

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
        self._storage.objects[self._info.key] = MemoryObject(self._info, self._data)

    async def abort(self) -> None:
        self._data = bytearray()


class MemoryStorage(Storage):
    """Objects in a dict. Nothing survives the process; nothing can fail."""

    location = "memory://"

    def __init__(self) -> None:
        self.objects: dict[str, MemoryObject] = {}

    async def open(self, lifetimes: Mapping[str, int] | None = None) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        self.objects.clear()

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        return MemoryWriter(self, info)

    async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
        try:
            return self.objects[key]
        except KeyError:
            raise ObjectNotFound(key) from None

    async def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    async def entries(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        for key in tuple(self.objects):
            found = self.objects.get(key)
            if found is not None and key.startswith(prefix):
                yield found.info
