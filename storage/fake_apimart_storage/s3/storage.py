"""`s3://BUCKET/PREFIX`: each object under its own key, with its description as metadata.

boto3 blocks, so every call of it runs in a worker thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from fake_apimart_storage.interface import (
    DamagedObject,
    InvalidKey,
    Listed,
    ObjectInfo,
    ObjectNotFound,
    PresigningStorage,
    StorageError,
)
from fake_apimart_storage.open_writers import OpenWriters
from fake_apimart_storage.portable_name import portable_key
from fake_apimart_storage.s3.bucket import prepare_bucket
from fake_apimart_storage.s3.budget import Budget
from fake_apimart_storage.s3.calls import CALL_THREADS, PART_THREADS, Calls
from fake_apimart_storage.s3.client import Connection
from fake_apimart_storage.s3.failure import code_of, field_of
from fake_apimart_storage.s3.metadata import from_metadata
from fake_apimart_storage.s3.object import READ_BYTES, S3Object
from fake_apimart_storage.s3.part import PART_BYTES
from fake_apimart_storage.s3.writer import S3Writer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUDGET_BYTES = 160 * 1024 * 1024
"""Memory for the parts of all uploads in flight."""
MAX_PRESIGNED_SECONDS = 7 * 86_400
"""Longest validity that S3 accepts for a presigned URL."""

_OPERATIONS = {"GET": "get_object", "HEAD": "head_object"}
_LIST_BATCH = 16
"""Objects whose descriptions are read concurrently."""


class S3Storage(PresigningStorage):
    """The objects below `prefix`, which is empty or ends with `/`, in a bucket."""

    client: S3Client

    def __init__(self, bucket: str, prefix: str, public_endpoint: str = "") -> None:
        super().__init__()
        self.location = f"s3://{bucket}/{prefix}".rstrip("/")
        self.writers = OpenWriters()
        self.calls = Calls(CALL_THREADS)
        self.part_calls = Calls(PART_THREADS)
        self.budget = Budget(BUDGET_BYTES, reserve=PART_BYTES)
        self._bucket = bucket
        self._prefix = prefix
        self._public_endpoint = public_endpoint
        self._lifetimes: Mapping[str, int] = {}
        self._closing = asyncio.Event()
        self._cleanups: set[asyncio.Task[None]] = set()

    async def open(self, lifetimes: Mapping[str, int] | None = None) -> None:
        self._lifetimes = lifetimes or {}
        await asyncio.to_thread(self._connect)

    def _connect(self) -> None:
        self._connection = Connection(CALL_THREADS + PART_THREADS, self._public_endpoint)
        self.client = self._connection.client
        prepare_bucket(self._connection, self._bucket, self._prefix, self._lifetimes)

    async def close(self) -> None:
        await self.writers.close()
        self._closing.set()
        while self._cleanups:
            await asyncio.wait(self._cleanups)
        await self.part_calls.close()
        await self.calls.close()

    def run_in_background(self, cleanup: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(cleanup)
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)

    async def pause(self, seconds: float) -> bool:
        """Wait `seconds`; return False if the storage is closing, True in any case for 0."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)
        return seconds == 0 or not self._closing.is_set()

    def target(self, key: str) -> dict[str, str]:
        """Return bucket and key of an object as parameters of a call. Raises InvalidKey."""
        return {"Bucket": self._bucket, "Key": self._prefix + portable_key(key)}

    def writer(self, info: ObjectInfo) -> S3Writer:
        return S3Writer(self, info)

    async def get(self, key: str, *, with_bytes: bool = True) -> S3Object:
        target: Any = self.target(key)
        if not with_bytes:
            # Not HEAD, since its errors have no code: a missing bucket looks like a missing object.
            target["Range"] = "bytes=0-0"
        try:
            response = await self.calls(self._get, **target)
        except StorageError as error:
            if with_bytes or code_of(error.__cause__ or error) != "InvalidRange":
                raise
            # The object is empty.
            return await self.get(key)
        try:
            info = from_metadata(key, response.get("ContentType", ""), response.get("Metadata", {}))
            return S3Object(self, info, response)
        except BaseException as error:
            if "Body" in response:
                response["Body"].close()
            if isinstance(error, DamagedObject):
                self.note_damage(key, str(error))
            raise

    def _get(self, **target: Any) -> dict[str, Any]:
        response: dict[str, Any] = dict(self.client.get_object(**target))
        if response["ContentLength"] <= READ_BYTES:
            # Read it here, which saves a thread switch and frees the connection.
            with contextlib.closing(response["Body"]) as body:
                response["Body"] = io.BytesIO(body.read())
        return response

    async def delete(self, key: str, *, durable: bool = False) -> None:
        target: Any = self.target(key)
        await self.calls(self.client.delete_object, **target)

    async def presigned_url(self, key: str, method: str, seconds: int) -> str:
        validity = max(1, min(seconds, MAX_PRESIGNED_SECONDS))
        return await self.calls(self._presign, key=key, method=method, seconds=validity)

    def _presign(self, key: str, method: str, seconds: int) -> str:
        # A URL expires with the temporary credentials that signed it.
        while seconds > 1 and not self._connection.credentials_outlast(seconds):
            seconds //= 2
        return self._connection.presigning.generate_presigned_url(
            _OPERATIONS[method], Params=self.target(key), ExpiresIn=seconds
        )

    async def listing(self, prefix: str = "") -> AsyncIterator[Listed]:
        async for page in self._pages(prefix):
            keys = [_key(each, self._prefix) for each in page]
            async for batch in self._described(keys):
                for listed in batch:
                    yield listed

    async def _described(self, keys: list[str]) -> AsyncGenerator[list[Listed]]:
        for first in range(0, len(keys), _LIST_BATCH):
            batch = keys[first : first + _LIST_BATCH]
            found = await asyncio.gather(*map(self._describe, batch))
            yield [listed for listed in found if listed is not None]

    async def _pages(self, prefix: str) -> AsyncGenerator[list[Any]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        pending = iter(pages)
        while (page := await self.calls(lambda: next(pending, None))) is not None:
            yield list(page.get("Contents", ()))

    async def _describe(self, key: str) -> Listed | None:
        """Return an object as it is listed, or None if it was deleted or is no object of ours."""
        try:
            async with await self.get(key, with_bytes=False) as stored:
                return Listed(key, stored.info)
        except DamagedObject:
            return Listed(key, None)
        except (ObjectNotFound, InvalidKey):
            return None

    async def delete_expired(
        self, now: float, is_own: Callable[[str], bool] = lambda key: False
    ) -> int:
        """Do as every storage, but read the descriptions of sufficiently old objects alone."""
        return await self._delete_expired_of(self._old(now), now, is_own)

    async def _old(self, now: float) -> AsyncGenerator[list[Listed]]:
        async for page in self._pages(""):
            old = [_key(each, self._prefix) for each in page if self._may_have_expired(each, now)]
            async for batch in self._described(old):
                yield batch

    def _may_have_expired(self, listed: Any, now: float) -> bool:
        key = _key(listed, self._prefix)
        if "LastModified" not in listed:
            return True
        written = listed["LastModified"].timestamp()
        matching = (life for prefix, life in self._lifetimes.items() if key.startswith(prefix))
        lifetime = next(matching, None)
        return lifetime is None or bool(written + lifetime <= now)


def _key(listed: Any, prefix: str) -> str:
    return str(field_of(listed, "Key")).removeprefix(prefix)
