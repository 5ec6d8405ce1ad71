"""The interface of every storage, in terms of keys and bytes. Nothing here knows HTTP.

A storage holds objects. Each is written once under its own key, becomes visible atomically when its
writer commits, and expires at `expires_at`. Times are Unix seconds, sizes bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from types import TracebackType
from typing import NamedTuple, Self

from fake_apimart_storage.batches import Attempts, batches_of
from fake_apimart_storage.keys import KeyTest, any_key

Chunk = bytes | memoryview

MAX_NOTED = 1000
"""How many keys are remembered of which a problem was logged."""

SWEEP_BATCH = 250
"""How many objects are described, and then deleted, in one step of a search for expired ones."""

CHECKED_KEY = "check"
"""A key that no object has, to see whether the store says so."""

MakeRoom = Callable[[], Awaitable[None]]
"""Deletes what is of no use any more."""

logger = logging.getLogger(__name__)


class StorageError(Exception):
    """The store failed, such as by a full disk or a missing permission; the message says how."""


class StorageFull(StorageError):
    """The store holds as much as it may; what is deleted makes room."""


class ObjectNotFound(Exception):
    """No object has this key."""


class DamagedObject(ObjectNotFound):
    """An object has this key, but does not read, as after a power cut: it counts as absent."""


class ObjectInfo(NamedTuple):
    """The description of an object.

    `created_at` and `expires_at` are Unix seconds; `metadata` holds strings of the caller's.
    """

    key: str
    content_type: str
    created_at: int
    expires_at: int
    metadata: Mapping[str, str] = {}


class Listed(NamedTuple):
    """An object as a listing has it. `info` is None where it is damaged, or another program's."""

    key: str
    info: ObjectInfo | None
    size: int = 0


class StoredObject(ABC):
    """An open object; its bytes stay readable until `close`, even if it is deleted meanwhile."""

    info: ObjectInfo
    size: int
    etag: str

    @abstractmethod
    def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        """Yield the bytes from `start` up to `stop`, exclusive. Raises StorageError."""

    @abstractmethod
    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class Writer(ABC):
    """A new object: call `write` any number of times, then `commit` or `abort`."""

    @abstractmethod
    async def write(self, chunks: Iterable[Chunk]) -> None:
        """Append chunks without copying them; backpressure: wait while too much is pending.

        Raises StorageError, after which the writer can only be aborted.
        """

    @abstractmethod
    async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
        """Make the object visible atomically. Raises StorageError, and then leaves nothing.

        Where `durable`, it returns once the object outlives a power cut, if the store can tell.
        `replaces` says that there may be an object under the key already. What a failure leaves
        there is that one, or the new one where the store has carried out what it never answered.
        """

    @abstractmethod
    async def abort(self) -> None:
        """Discard the object. Never raises; does nothing after a commit or an abort."""


class Storage(ABC):
    """A store of objects; open it before use, close it afterwards."""

    location: str
    """The location in the form of the settings, without secrets."""
    sweep_pause = 0.0
    """Seconds between two batches of the search for expired objects."""
    deletes_by_itself: bool = False
    """Whether the store deletes what is older than the lifetimes that `open` was given."""
    has_others: bool = False
    """Whether other servers are known to have used the store when this one opened it."""

    def __init__(self) -> None:
        self._noted: set[str] = set()

    def note_damage(self, key: str, problem: str) -> None:
        """Log once for each key that what is under it cannot be used."""
        if key in self._noted:
            return
        if len(self._noted) >= MAX_NOTED:
            self._noted.clear()
        self._noted.add(key)
        logger.warning("%s is passed over: %s", key, problem)

    @abstractmethod
    async def open(
        self, lifetimes: Mapping[str, int] | None = None, is_own: KeyTest = any_key
    ) -> None:
        """Prepare the store and sweep what a crash left. Raises StorageError if it is unusable.

        `lifetimes` maps prefixes of keys to the longest lifetime of their objects in seconds, for
        stores that delete by themselves. What a crash left under keys that are not `is_own` is
        another program's, and stays.
        """

    async def check(self) -> None:
        """Raise StorageError where the store cannot be reached now."""
        with contextlib.suppress(ObjectNotFound):
            await (await self.get(CHECKED_KEY, with_bytes=False)).close()

    @abstractmethod
    async def close(self) -> None:
        """Close the store, after the writers under way have ended, or have been aborted."""

    def when_full(self, make_room: MakeRoom) -> None:
        """Have `make_room` called before a write is refused because the store is full.

        A store that sets itself no limit passes over it.
        """
        del make_room

    @abstractmethod
    def writer(self, info: ObjectInfo) -> Writer:
        """Return a writer for a new object. Does no I/O before the first write or commit."""

    @abstractmethod
    async def get(self, key: str, *, with_bytes: bool = True) -> StoredObject:
        """Open the object under `key`. Raises ObjectNotFound, DamagedObject, StorageError.

        Without `with_bytes` a remote store sends none until they are asked for.
        """

    async def redescribe(self, stored: StoredObject, info: ObjectInfo) -> None:
        """Give an open object the description `info`, under the same key. Raises StorageError."""
        writer = self.writer(info)
        try:
            async for chunk in stored.chunks(0, stored.size):
                await writer.write([chunk])
            await writer.commit(replaces=True)
        finally:
            await writer.abort()

    @abstractmethod
    async def delete(self, key: str, *, durable: bool = False) -> None:
        """Delete the object under `key`, if it exists. Raises StorageError.

        Where `durable`, it returns once no power cut brings it back, if the store can tell, nor
        what was deleted before it under other keys with the same beginning up to the last slash.
        """

    async def delete_many(self, keys: Sequence[str]) -> None:
        """Delete the objects under many keys, as `delete` does each; remote stores in one call.

        One that cannot be deleted does not keep the others. Raises StorageError, at the end or
        after MAX_FAILURES in a row.
        """
        attempts = Attempts(StorageError)
        for key in keys:
            with attempts:
                await self.delete(key)
        attempts.end()

    @abstractmethod
    def keys(self, prefix: str = "") -> AsyncIterator[str]:
        """Yield each key that has `prefix`, in any order, with pauses for other tasks.

        Nothing is read of what is under the keys. Names that no object of a storage has, such as
        those of other programs' files, are left out. Raises StorageError.
        """

    @abstractmethod
    def described(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        """Yield a description of what is under each key, in any order, with pauses.

        Keys under which nothing is are left out. Raises StorageError.
        """

    async def delete_expired(self, now: float, is_own: KeyTest = any_key) -> int:
        """Delete the objects that have expired at `now` (Unix seconds) and return their number.

        An object has expired at its `expires_at`; a damaged one at once. Keys that are not `is_own`
        are neither read nor deleted. One that is written anew meanwhile stays. One that cannot be
        deleted does not keep the others. Raises StorageError.
        """
        deleted, attempts = 0, Attempts(StorageError)
        async for keys in batches_of(self._old_keys(now), SWEEP_BATCH):
            found: list[Listed] = []
            with attempts:
                async for listed in self._described_at_leisure([*filter(is_own, keys)]):
                    found.append(listed)  # noqa: PERF401 - what came before a failure counts
            expired = [
                each.key for each in found if each.info is None or each.info.expires_at <= now
            ]
            deleted += await self._delete_unless_new(expired, now, attempts)
            await asyncio.sleep(self.sweep_pause)
        attempts.end()
        return deleted

    def _old_keys(self, now: float) -> AsyncIterator[str]:
        """Yield the keys under which there may be something that has expired at `now`."""
        del now
        return self.keys()

    def _described_at_leisure(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        """Do as `described`, so that requests are not delayed."""
        return self.described(keys)

    async def _delete_unless_new(self, keys: Sequence[str], now: float, attempts: Attempts) -> int:
        """Delete what had expired or was damaged when it was described; return how many were.

        It may have been written anew since.
        """
        deleted = 0
        for key in keys:
            with attempts:
                if not await self._is_new(key, now):
                    await self.delete(key)
                    deleted += 1
        return deleted

    async def _is_new(self, key: str, now: float) -> bool:
        try:
            found = await self.get(key, with_bytes=False)
        except ObjectNotFound:
            # Still damaged.
            return False
        await found.close()
        return found.info.expires_at > now


class PresigningStorage(Storage):
    """A storage that clients can read directly, by a presigned URL for one object."""

    @abstractmethod
    async def presigned_url(self, key: str, method: str, seconds: int) -> str:
        """Return a URL that allows `method` on `key`, for `seconds` or the store's maximum.

        Raises StorageError.
        """
