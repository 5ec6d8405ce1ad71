"""Reading one object: its bytes as they come from the store, or a range of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from fake_apimart_storage.interface import ObjectInfo, ObjectNotFound, StorageError, StoredObject
from fake_apimart_storage.s3.calls import Calls

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READ_BYTES = 512 * 1024


class Store(Protocol):
    """What an object needs of the storage that it is read from."""

    client: S3Client
    calls: Calls

    def target(self, key: str) -> dict[str, str]:
        """Bucket and key, as parameters of a call."""


class S3Object(StoredObject):
    def __init__(self, store: Store, info: ObjectInfo, answer: dict[str, Any]) -> None:
        self.info = info
        total = str(answer.get("ContentRange", "")).rpartition("/")[2]
        self.size = int(total or answer["ContentLength"])
        self.etag = answer["ETag"]
        self._store = store
        self._body = answer["Body"]
        self._position = 0

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        stop = min(stop, self.size)
        if start >= stop:
            return
        if start != self._position:
            await self._open_at(start, stop)
        while self._position < stop:
            wanted = min(READ_BYTES, stop - self._position)
            chunk = await self._store.calls(partial(self._body.read, wanted))
            if not chunk:
                raise StorageError(f"{self.info.key} ends before its size")
            self._position += len(chunk)
            yield chunk

    async def _open_at(self, start: int, stop: int) -> None:
        """Ask for a part of the very same object, whatever has been put there meanwhile."""
        self._body.close()
        target: Any = self._store.target(self.info.key)
        try:
            answer = await self._store.calls(
                self._store.client.get_object,
                **target,
                Range=f"bytes={start}-{stop - 1}",
                IfMatch=self.etag,
            )
        except ObjectNotFound as error:
            raise StorageError(f"{self.info.key} is gone meanwhile") from error
        self._body, self._position = answer["Body"], start

    async def close(self) -> None:
        self._body.close()
