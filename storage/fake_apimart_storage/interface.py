"""The interface of every storage, in terms of keys and bytes. Nothing here knows HTTP.

A storage holds immutable objects. Each is written once under its own key, becomes visible
atomically when its writer commits, and expires at `expires_at`. Times are Unix seconds, sizes
bytes.
"""

from __future__ import annotations

import asyncio
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from types import TracebackType
from typing import NamedTuple, Self

Chunk = bytes | memoryview

# Printable ASCII without space, the separator `/`, and the backslash, which some file systems treat
# as a separator too.
_SEGMENT = re.compile(r"[!-.0-\[\]-~]+")

MAX_NOTED = 1000
"""How many keys are remembered of which a problem was logged."""

MAX_FAILURES = 10
"""How many objects in a row that cannot be deleted end a search for expired ones."""

logger = logging.getLogger(__name__)


class StorageError(Exception):
    """The store failed, such as by a full disk or a missing permission; the message says how."""


class ObjectNotFound(Exception):
    """No object has this key."""


class DamagedObject(ObjectNotFound):
    """An object has this key, but does not read, as after a power cut: it counts as absent."""


class InvalidKey(ValueError):
    """The key is not `segment/segment/…` in printable ASCII, or has a segment `.` or `..`."""


class InvalidLocation(ValueError):
    """A location that names no usable storage; the message says what was expected."""


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
    async def open(self, lifetimes: Mapping[str, int] | None = None) -> None:
        """Prepare the store and sweep what a crash left. Raises StorageError if it is unusable.

        `lifetimes` maps prefixes of keys to the longest lifetime of their objects in seconds, for
        stores that delete by themselves.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the store, after the writers under way have ended, or have been aborted."""

    @abstractmethod
    def writer(self, info: ObjectInfo) -> Writer:
        """Return a writer for a new object. Does no I/O before the first write or commit."""

    @abstractmethod
    async def get(self, key: str, *, with_bytes: bool = True) -> StoredObject:
        """Open the object under `key`. Raises ObjectNotFound, DamagedObject, StorageError.

        Without `with_bytes` the caller reads no chunks, and a remote store need not send any.
        """

    @abstractmethod
    async def delete(self, key: str, *, durable: bool = False) -> None:
        """Delete the object under `key`, if it exists. Raises StorageError.

        Where `durable`, it returns once no power cut brings it back, if the store can tell, nor
        what was deleted before it under other keys with the same beginning up to the last slash.
        """

    @abstractmethod
    def listing(self, prefix: str = "") -> AsyncIterator[Listed]:
        """Yield each object whose key has `prefix`, in any order, with pauses for other tasks.

        What is damaged and what other programs have put there is listed too. Raises StorageError.
        """

    async def entries(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Yield each visible object whose key has `prefix`, in any order. Raises StorageError."""
        async for listed in self.listing(prefix):
            if listed.info is not None:
                yield listed.info

    async def delete_expired(
        self, now: float, is_own: Callable[[str], bool] = lambda key: False
    ) -> int:
        """Delete the objects that have expired at `now` (Unix seconds) and return their number.

        An object has expired at its `expires_at`; a damaged one at once, if `is_own` says that its
        key is one of the caller's. One that is written anew meanwhile stays. Raises StorageError.
        """
        return await self._delete_expired_of(self._listed_alone(), now, is_own)

    async def _listed_alone(self) -> AsyncGenerator[list[Listed]]:
        async for listed in self.listing():
            yield [listed]

    async def _delete_expired_of(
        self,
        batches: AsyncIterator[list[Listed]],
        now: float,
        is_own: Callable[[str], bool],
        *,
        pause: float | None = None,
    ) -> int:
        """Delete what has expired of `batches`, with a pause of so many seconds after each.

        One that cannot be deleted does not keep the others. Raises StorageError, at the end or
        after MAX_FAILURES in a row.
        """
        deleted = in_a_row = 0
        failure: StorageError | None = None
        async for batch in batches:
            for listed in batch:
                if not _has_expired(listed, now, is_own):
                    continue
                try:
                    deleted += await self._delete_unless_new(listed.key, now)
                    in_a_row = 0
                except StorageError as error:
                    failure, in_a_row = failure or error, in_a_row + 1
                    if in_a_row >= MAX_FAILURES:
                        raise
            if pause is not None:
                await asyncio.sleep(pause)
        if failure is not None:
            raise failure
        return deleted

    async def _delete_unless_new(self, key: str, now: float) -> bool:
        """Delete what had expired or was damaged when it was listed, and return whether it is.

        It may have been written anew since. Raises StorageError.
        """
        try:
            found = await self.get(key, with_bytes=False)
        except ObjectNotFound:
            # Still damaged.
            pass
        else:
            await found.close()
            if found.info.expires_at > now:
                return False
        await self.delete(key)
        return True


def _has_expired(listed: Listed, now: float, is_own: Callable[[str], bool]) -> bool:
    if listed.info is None:
        return is_own(listed.key)
    return listed.info.expires_at <= now


class PresigningStorage(Storage):
    """A storage that clients can read directly, by a presigned URL for one object."""

    @abstractmethod
    async def presigned_url(self, key: str, method: str, seconds: int) -> str:
        """Return a URL that allows `method` on `key`, for `seconds` or the store's maximum.

        Raises StorageError.
        """


def check_key(key: str) -> list[str]:
    """Split a key into its segments. Raises InvalidKey."""
    segments = key.split("/")
    for segment in segments:
        if segment in (".", "..") or not _SEGMENT.fullmatch(segment):
            raise InvalidKey(key)
    return segments
