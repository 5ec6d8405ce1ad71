"""What every storage offers, in terms of keys and bytes. Nothing here knows of HTTP.

A storage keeps immutable objects: each is written once under a key of its own, becomes visible
whole when its writer commits, and ends at `expires_at`. Times are Unix seconds, sizes bytes.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import NamedTuple, Self

Chunk = bytes | memoryview

# Printable ASCII without the separators and the backslash, which some file systems take for one.
_SEGMENT = re.compile(r"[!-.0-\[\]-~]+")


class StorageError(Exception):
    """The store failed: disk full, folder gone, no permission. The message names the cause."""


class ObjectNotFound(Exception):
    """There is no object under this key."""


class InvalidKey(ValueError):
    """The key is not of the form `segment/segment/…` in printable ASCII, or climbs with dots."""


class InvalidLocation(ValueError):
    """A storage setting that names no usable storage; the message says what was expected."""


class ObjectInfo(NamedTuple):
    """What is known of an object beside its bytes.

    `created_at` and `expires_at` are Unix seconds; `metadata` is the caller's own, text to text.
    """

    key: str
    content_type: str
    created_at: int
    expires_at: int
    metadata: Mapping[str, str] = {}


class StoredObject(ABC):
    """An open object. Its bytes stay readable until `close`, even if it is deleted meanwhile."""

    info: ObjectInfo
    size: int
    etag: str

    @abstractmethod
    def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        """The bytes from `start` up to `stop`, in order. Raises StorageError."""

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
    """An object on its way in: `write` any number of times, then `commit` or `abort` once."""

    @abstractmethod
    async def write(self, chunks: Iterable[Chunk]) -> None:
        """Take chunks, in order, without copying them; returns once little enough is waiting.

        Raises StorageError; the writer can then only be aborted.
        """

    @abstractmethod
    async def commit(self) -> None:
        """Make the object visible, whole. Raises StorageError, and then leaves nothing."""

    @abstractmethod
    async def abort(self) -> None:
        """Leave nothing behind. Never raises; does nothing after a commit or an abort."""


class Storage(ABC):
    """A place for objects. Open it before use, close it after."""

    location: str
    """How the place is written in the settings, without secrets."""

    @abstractmethod
    async def open(self, lifetimes: Mapping[str, int] | None = None) -> None:
        """Make ready, and sweep what a crash left. Raises StorageError if it cannot be used.

        `lifetimes` says for each prefix of keys how many seconds its objects live at the most, for
        stores that delete by themselves.
        """

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    def writer(self, info: ObjectInfo) -> Writer:
        """A writer for a new object. Touches nothing until the first write or commit."""

    @abstractmethod
    async def get(self, key: str, *, with_bytes: bool = True) -> StoredObject:
        """The object under `key`. Raises ObjectNotFound, StorageError.

        Without `with_bytes` no chunk will be asked for, which spares a remote store sending them.
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Forget the object under `key`, if there is one. Raises StorageError."""

    @abstractmethod
    def entries(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Every visible object whose key begins with `prefix`, in no order. Raises StorageError."""

    async def delete_expired(self, now: float) -> int:
        """Delete every object whose `expires_at` is not after `now`, in Unix seconds.

        Gives back how many were deleted. Raises StorageError.
        """
        expired = [info.key async for info in self.entries() if info.expires_at <= now]
        for key in expired:
            await self.delete(key)
        return len(expired)


class PresigningStorage(Storage):
    """A storage that clients can be sent to, with a URL that lets them read one object."""

    @abstractmethod
    async def presigned_url(self, key: str, method: str, seconds: int) -> str:
        """A URL that answers `method` for `key`, for `seconds` or as long as the store allows.

        Raises StorageError.
        """


def check_key(key: str) -> list[str]:
    """The segments of a key. Raises InvalidKey."""
    segments = key.split("/")
    for segment in segments:
        if segment in (".", "..") or not _SEGMENT.fullmatch(segment):
            raise InvalidKey(key)
    return segments
