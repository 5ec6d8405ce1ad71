"""A storage whose failures are counted and whose calls are traced, in front of another one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from fake_apimart_storage import (
    Chunk,
    KeyTest,
    Listed,
    MakeRoom,
    ObjectInfo,
    PresigningStorage,
    Storage,
    StorageError,
    StoredObject,
    Writer,
    any_key,
)

AnyStorage = TypeVar("AnyStorage", bound=Storage)


class Observer(Protocol):
    """Who is told of calls of a storage, each of which has a word for a name."""

    @property
    def follows_reads(self) -> bool:
        """Whether to tell of the reading of an object too, which costs something for each chunk."""

    def storage_call_began(self, call: str) -> Any:
        """Return what stands for the call."""

    def storage_call_ended(self, call: str, began: Any, failure: StorageError | None) -> None:
        """Take note of the call's end, and of its failure."""


class _Call:
    """The time of one call, told to an observer; failures pass through."""

    __slots__ = ("_began", "_call", "_observer")

    def __init__(self, observer: Observer, call: str) -> None:
        self._observer = observer
        self._call = call

    def __enter__(self) -> None:
        self._began = self._observer.storage_call_began(self._call)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure = error if isinstance(error, StorageError) else None
        self._observer.storage_call_ended(self._call, self._began, failure)


class _ObservedObject(StoredObject):
    def __init__(self, stored: StoredObject, observer: Observer) -> None:
        self._stored = stored
        self._observer = observer
        self.info, self.size, self.etag = stored.info, stored.size, stored.etag

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        chunks = self._stored.chunks(start, stop)
        try:
            with _Call(self._observer, "read"):
                async for chunk in chunks:
                    yield chunk
        finally:
            await chunks.aclose()

    async def close(self) -> None:
        await self._stored.close()


class _ObservedWriter(Writer):
    def __init__(self, writer: Writer, observer: Observer) -> None:
        self._writer = writer
        self._observer = observer

    async def write(self, chunks: Iterable[Chunk]) -> None:
        with _Call(self._observer, "write"):
            await self._writer.write(chunks)

    async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
        with _Call(self._observer, "commit"):
            await self._writer.commit(durable=durable, replaces=replaces)

    async def abort(self) -> None:
        await self._writer.abort()


class ObservedStorage(Storage, Generic[AnyStorage]):
    """Does what `storage` does, and tells `observer`."""

    def __init__(self, storage: AnyStorage, observer: Observer) -> None:
        super().__init__()
        self._storage = storage
        self._observer = observer
        self.location = storage.location
        self.has_others = storage.has_others
        self.deletes_by_itself = storage.deletes_by_itself

    def note_damage(self, key: str, problem: str) -> None:
        self._storage.note_damage(key, problem)

    async def open(
        self, lifetimes: Mapping[str, int] | None = None, is_own: KeyTest = any_key
    ) -> None:
        await self._storage.open(lifetimes, is_own)

    async def check(self) -> None:
        with _Call(self._observer, "check"):
            await self._storage.check()

    async def close(self) -> None:
        await self._storage.close()

    def when_full(self, make_room: MakeRoom) -> None:
        self._storage.when_full(make_room)

    def writer(self, info: ObjectInfo) -> Writer:
        return _ObservedWriter(self._storage.writer(info), self._observer)

    async def get(self, key: str, *, with_bytes: bool = True) -> StoredObject:
        with _Call(self._observer, "get"):
            stored = await self._storage.get(key, with_bytes=with_bytes)
        return _ObservedObject(stored, self._observer) if self._observer.follows_reads else stored

    async def redescribe(self, stored: StoredObject, info: ObjectInfo) -> None:
        with _Call(self._observer, "redescribe"):
            await self._storage.redescribe(stored, info)

    async def delete(self, key: str, *, durable: bool = False) -> None:
        with _Call(self._observer, "delete"):
            await self._storage.delete(key, durable=durable)

    async def delete_many(self, keys: Sequence[str]) -> None:
        with _Call(self._observer, "delete_many"):
            await self._storage.delete_many(keys)

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        with _Call(self._observer, "list"):
            async for key in self._storage.keys(prefix):
                yield key

    async def described(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        with _Call(self._observer, "describe"):
            async for listed in self._storage.described(keys):
                yield listed

    async def delete_expired(self, now: float, is_own: KeyTest = any_key) -> int:
        with _Call(self._observer, "delete_expired"):
            return await self._storage.delete_expired(now, is_own)


class ObservedPresigningStorage(ObservedStorage[PresigningStorage], PresigningStorage):
    """The same of a storage that clients can read directly."""

    async def presigned_url(self, key: str, method: str, seconds: int) -> str:
        with _Call(self._observer, "presign"):
            return await self._storage.presigned_url(key, method, seconds)
