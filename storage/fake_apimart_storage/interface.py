"""The interface of every storage, in terms of keys and bytes. Nothing here knows HTTP.

A storage holds immutable objects. Each is written once under its own key, becomes visible
atomically when its writer commits, and expires at `expires_at`. Times are Unix seconds, sizes
bytes.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import NamedTuple, Self

Chunk = bytes | memoryview

# Printable ASCII without space, the separator `/`, and the backslash, which some file systems treat
# as a separator too.
_SEGMENT = re.compile(r"[!-.0-\[\]-~]+")


class StorageError(Exception):
    """The store failed, such as by a full disk or a missing permission; the message says how."""


class ObjectNotFound(Exception):
    """No object has this key."""


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
    async def commit(self) -> None:
        """Make the object visible atomically. Raises StorageError, and then leaves nothing."""

    @abstractmethod
    async def abort(self) -> None:
        """Discard the object. Never raises; does nothing after a commit or an abort."""


class Storage(ABC):
    """A store of objects; open it before use, close it afterwards."""

    location: str
    """The location in the form of the settings, without secrets."""

    @abstractmethod
    async def open(self, lifetimes: Mapping[str, int] | None = None) -> None:
        """Prepare the store and sweep what a crash left. Raises StorageError if it is unusable.

        `lifetimes` maps prefixes of keys to the longest lifetime of their objects in seconds, for
        stores that delete by themselves.
        """

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    def writer(self, info: ObjectInfo) -> Writer:
        """Return a writer for a new object. Does no I/O before the first write or commit."""

    @abstractmethod
    async def get(self, key: str, *, with_bytes: bool = True) -> StoredObject:
        """Open the object under `key`. Raises ObjectNotFound, StorageError.

        Without `with_bytes` the caller reads no chunks, and a remote store need not send any.
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Delete the object under `key`, if it exists. Raises StorageError."""

    @abstractmethod
    def entries(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Yield each visible object whose key has `prefix`, in any order. Raises StorageError."""

    async def delete_expired(self, now: float) -> int:
        """Delete the objects that have expired at `now` (Unix seconds) and return their number.

        An object has expired at its `expires_at`. Raises StorageError.
        """
        expired = [info.key async for info in self.entries() if info.expires_at <= now]
        for key in expired:
            await self.delete(key)
        return len(expired)


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
