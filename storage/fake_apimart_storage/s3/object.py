"""The reader of an object: a stream of all its bytes, or of a range."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from fake_apimart_storage.interface import ObjectInfo, ObjectNotFound, StorageError, StoredObject
from fake_apimart_storage.s3.calls import Calls
from fake_apimart_storage.s3.failure import field_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READ_BYTES = 512 * 1024
"""Size of the chunks that a reader gets; smaller objects are read at once."""


class Store(Protocol):
    """The part of S3Storage that an object needs."""

    client: S3Client
    calls: Calls

    def target(self, key: str) -> dict[str, str]:
        """Return bucket and key as parameters of a call."""


class S3Object(StoredObject):
    """An object whose `response`, of a GET of all or of its first byte, is open.

    Raises StorageError where the response is none of S3's.
    """

    def __init__(self, store: Store, info: ObjectInfo, response: dict[str, Any]) -> None:
        self.info = info
        self.size = _size_of(response)
        self.etag = field_of(response, "ETag")
        self._store = store
        self._body = field_of(response, "Body")
        self._position = 0

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        stop = min(stop, self.size)
        if start >= stop:
            return
        if start != self._position:
            await self._open_at(start, stop)
        while self._position < stop:
            length = min(READ_BYTES, stop - self._position)
            chunk = await self._store.calls(partial(self._body.read, length))
            if not chunk:
                raise StorageError(f"{self.info.key} ends before its size")
            self._position += len(chunk)
            yield chunk

    async def _open_at(self, start: int, stop: int) -> None:
        """Get a range of the same object; fail if another has replaced it meanwhile."""
        self._body.close()
        target: Any = self._store.target(self.info.key)
        try:
            response = await self._store.calls(
                self._store.client.get_object,
                **target,
                Range=f"bytes={start}-{stop - 1}",
                IfMatch=self.etag,
            )
        except ObjectNotFound as error:
            raise StorageError(f"{self.info.key} is gone meanwhile") from error
        self._body, self._position = field_of(response, "Body"), start
        if not str(response.get("ContentRange", "")).startswith(f"bytes {start}-"):
            raise StorageError(f"the store answered with another range of {self.info.key}")

    async def close(self) -> None:
        self._body.close()


def _size_of(response: dict[str, Any]) -> int:
    total = str(response.get("ContentRange", "")).rpartition("/")[2]
    total = total or str(field_of(response, "ContentLength"))
    if not (total.isascii() and total.isdecimal()):
        raise StorageError(f"the store's answer has no size, but {total[:100]}")
    return int(total)
