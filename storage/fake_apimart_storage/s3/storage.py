"""`s3://BUCKET/PREFIX`: each object under its own key, its description as metadata.

boto3 blocks, so that every call of it runs in a worker thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from fake_apimart_storage.interface import (
    ObjectInfo,
    ObjectNotFound,
    PresigningStorage,
    StorageError,
)
from fake_apimart_storage.portable_name import portable_key
from fake_apimart_storage.s3.bucket import make_ready
from fake_apimart_storage.s3.budget import Budget
from fake_apimart_storage.s3.calls import CALL_THREADS, PART_THREADS, Calls
from fake_apimart_storage.s3.client import Connection
from fake_apimart_storage.s3.failure import code_of
from fake_apimart_storage.s3.metadata import ForeignObject, from_metadata
from fake_apimart_storage.s3.object import READ_BYTES, S3Object
from fake_apimart_storage.s3.part import PART_BYTES
from fake_apimart_storage.s3.writer import S3Writer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUDGET_BYTES = 160 * 1024 * 1024
LONGEST_PRESIGNED = 7 * 86_400
"""Seconds; S3 refuses to sign for longer."""

_OPERATIONS = {"GET": "get_object", "HEAD": "head_object"}
_LIST_BATCH = 16


class S3Storage(PresigningStorage):
    client: S3Client

    def __init__(self, bucket: str, prefix: str, public_endpoint: str = "") -> None:
        self.location = f"s3://{bucket}/{prefix}".rstrip("/")
        self.calls = Calls(CALL_THREADS)
        self.part_calls = Calls(PART_THREADS)
        self.budget = Budget(BUDGET_BYTES, reserve=PART_BYTES)
        self._bucket = bucket
        self._prefix = prefix
        self._public_endpoint = public_endpoint
        self._lifetimes: Mapping[str, int] = {}
        self._closing = asyncio.Event()
        self._cleaning: set[asyncio.Task[None]] = set()

    async def open(self, lifetimes: Mapping[str, int] | None = None) -> None:
        self._lifetimes = lifetimes or {}
        await asyncio.to_thread(self._connect)

    def _connect(self) -> None:
        self._connection = Connection(CALL_THREADS + PART_THREADS, self._public_endpoint)
        self.client = self._connection.client
        make_ready(self._connection, self._bucket, self._prefix, self._lifetimes)

    async def close(self) -> None:
        self._closing.set()
        while self._cleaning:
            await asyncio.wait(self._cleaning)
        await self.part_calls.close()
        await self.calls.close()

    def in_background(self, cleaning: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(cleaning)
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    async def pause(self, seconds: float) -> bool:
        """Wait; whether the storage is still open then, as it always is where none is asked for."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)
        return seconds == 0 or not self._closing.is_set()

    def target(self, key: str) -> dict[str, str]:
        """Where the object under `key` is, as parameters of a call. Raises InvalidKey."""
        return {"Bucket": self._bucket, "Key": self._prefix + _path(key)}

    def writer(self, info: ObjectInfo) -> S3Writer:
        return S3Writer(self, info)

    async def get(self, key: str, *, with_bytes: bool = True) -> S3Object:
        target: Any = self.target(key)
        if not with_bytes:
            # A HEAD would do, but its errors have no code: no bucket looks like no object.
            target["Range"] = "bytes=0-0"
        try:
            answer = await self.calls(self._get, **target)
        except StorageError as error:
            if with_bytes or code_of(error.__cause__ or error) != "InvalidRange":
                raise
            # The object is empty.
            return await self.get(key)
        info = from_metadata(key, answer.get("ContentType", ""), answer["Metadata"])
        return S3Object(self, info, answer)

    def _get(self, **target: Any) -> dict[str, Any]:
        answer: dict[str, Any] = dict(self.client.get_object(**target))
        if answer["ContentLength"] <= READ_BYTES:
            # Read at once, which spares a change of threads and frees the connection.
            answer["Body"] = io.BytesIO(answer["Body"].read())
        return answer

    async def delete(self, key: str) -> None:
        target: Any = self.target(key)
        await self.calls(self.client.delete_object, **target)

    async def presigned_url(self, key: str, method: str, seconds: int) -> str:
        life = max(1, min(seconds, LONGEST_PRESIGNED))
        return await self.calls(self._presign, key=key, method=method, seconds=life)

    def _presign(self, key: str, method: str, seconds: int) -> str:
        # Temporary credentials take their URLs with them.
        while seconds > 1 and not self._connection.credentials_last(seconds):
            seconds //= 2
        return self._connection.presigning.generate_presigned_url(
            _OPERATIONS[method], Params=self.target(key), ExpiresIn=seconds
        )

    async def entries(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        async for page in self._pages(prefix):
            for first in range(0, len(page), _LIST_BATCH):
                keys = [_key(each, self._prefix) for each in page[first : first + _LIST_BATCH]]
                for info in await asyncio.gather(*map(self._describe, keys)):
                    if info is not None:
                        yield info

    async def _pages(self, prefix: str) -> AsyncGenerator[list[Any]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        pending = iter(pages)
        while (page := await self.calls(lambda: next(pending, None))) is not None:
            yield list(page.get("Contents", ()))

    async def _describe(self, key: str) -> ObjectInfo | None:
        """An object's description; None where it is gone meanwhile, or none of ours."""
        try:
            async with await self.get(key, with_bytes=False) as stored:
                return stored.info
        except (ObjectNotFound, ForeignObject):
            return None

    async def delete_expired(self, now: float) -> int:
        """As on every storage, asking about those objects alone that are old enough."""
        deleted = 0
        async for page in self._pages(""):
            old = [each for each in page if self._may_have_expired(each, now)]
            for info in await asyncio.gather(*(self._describe(_key(o, self._prefix)) for o in old)):
                if info is not None and info.expires_at <= now:
                    await self.delete(info.key)
                    deleted += 1
        return deleted

    def _may_have_expired(self, listed: Any, now: float) -> bool:
        key = _key(listed, self._prefix)
        written = listed["LastModified"].timestamp()
        lives = (life for prefix, life in self._lifetimes.items() if key.startswith(prefix))
        life = next(lives, None)
        return life is None or bool(written + life <= now)


def _path(key: str) -> str:
    return portable_key(key)


def _key(listed: Any, prefix: str) -> str:
    return str(listed["Key"]).removeprefix(prefix)
