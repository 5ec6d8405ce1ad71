"""`s3://BUCKET/PREFIX`: each object under its own key, with its description as metadata.

boto3 blocks, so every call of it runs in a worker thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fake_apimart_storage.batches import Attempts
from fake_apimart_storage.interface import (
    DamagedObject,
    Listed,
    ObjectInfo,
    ObjectNotFound,
    PresigningStorage,
    StorageError,
)
from fake_apimart_storage.keys import KeyTest, any_key, portable_key
from fake_apimart_storage.open_writers import OpenWriters
from fake_apimart_storage.s3.batches.deletion import EVENT, Deletion, add_digest
from fake_apimart_storage.s3.batches.descriptions import describe
from fake_apimart_storage.s3.batches.listing import FoundKey, pages_below
from fake_apimart_storage.s3.batches.store import BATCH_THREADS
from fake_apimart_storage.s3.bucket import Layout, prepare_bucket
from fake_apimart_storage.s3.connection.calls import CALL_THREADS, PART_THREADS, Calls
from fake_apimart_storage.s3.connection.client import Access, Connection
from fake_apimart_storage.s3.connection.failure import code_of, failures_of_the_store
from fake_apimart_storage.s3.connection.reads import Reads
from fake_apimart_storage.s3.metadata import from_metadata
from fake_apimart_storage.s3.transfer.budget import Budget
from fake_apimart_storage.s3.transfer.object import S3Object, open_answer
from fake_apimart_storage.s3.transfer.part import PART_BYTES
from fake_apimart_storage.s3.transfer.writer import S3Writer
from fake_apimart_storage.s3.versions import Keeping, delete_versions, keeping_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUDGET_BYTES = 160 * 1024 * 1024
"""Memory for the parts of all uploads in flight."""
MAX_PRESIGNED_SECONDS = 7 * 86_400
"""Longest validity that S3 accepts for a presigned URL."""

ROOT = "."
"""What stands in a location for an empty prefix."""

SWEEP_THREADS = 8
"""How many objects are described at the same time in the search for expired ones."""
SWEEP_PAUSE_SECONDS = 0.25
"""Pause after each batch of that search, in which requests have the processor to themselves."""
_OPERATIONS = {"GET": "get_object", "HEAD": "head_object"}

logger = logging.getLogger(__name__)


class S3Storage(PresigningStorage):
    """The objects below `prefix`, which is empty or ends with `/`, in a bucket."""

    client: S3Client
    reads: Reads
    keeping: Keeping
    sweep_pause = SWEEP_PAUSE_SECONDS
    deletes_by_itself = True

    def __init__(
        self, bucket: str, prefix: str, access: Access | None = None, *, is_default: bool = False
    ) -> None:
        super().__init__()
        self.location = f"s3://{bucket}/{prefix.rstrip('/') or ROOT}"
        self.writers = OpenWriters()
        self._access = access or Access()
        self.calls = Calls(CALL_THREADS, self._access.patience)
        self.part_calls = Calls(PART_THREADS, self._access.patience)
        self.batch_calls = Calls(BATCH_THREADS, self._access.patience)
        self.budget = Budget(BUDGET_BYTES, PART_BYTES, self.part_calls.pool)
        self._bucket = bucket
        self._prefix = prefix
        self._is_default = is_default
        self._lifetimes: Mapping[str, int] = {}
        self._has_told_of_versions = False
        self._deletion = Deletion(self)
        self._closing = asyncio.Event()
        self._cleanups: set[asyncio.Task[None]] = set()

    async def open(
        self, lifetimes: Mapping[str, int] | None = None, is_own: KeyTest = any_key
    ) -> None:
        self._lifetimes = lifetimes or {}
        layout = Layout(self._prefix, self._lifetimes, is_own, self._is_default)
        await asyncio.to_thread(self._connect, layout)

    def _connect(self, layout: Layout) -> None:
        connections = CALL_THREADS + PART_THREADS + BATCH_THREADS
        self._connection = Connection(connections, self._access)
        prepare_bucket(self._connection, self._bucket, layout)
        self.client = self._connection.client
        self.client.meta.events.register(EVENT, add_digest)
        self.keeping = keeping_of(self.client, self._bucket)
        with failures_of_the_store():
            self.reads = Reads(self._connection, self._bucket)

    async def close(self) -> None:
        await self.writers.close()
        self._closing.set()
        while self._cleanups:
            await asyncio.wait(self._cleanups)
        await self.batch_calls.close()
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
        # Not HEAD, since its errors have no code: a missing bucket looks like a missing object.
        headers = {} if with_bytes else {"Range": "bytes=0-0"}
        try:
            answer = await open_answer(self, self.target(key)["Key"], headers)
        except StorageError as error:
            if with_bytes or code_of(error.__cause__ or error) != "InvalidRange":
                raise
            # The object is empty.
            return await self.get(key)
        try:
            info = from_metadata(key, answer.content_type, answer.metadata)
        except DamagedObject as error:
            answer.close()
            self.note_damage(key, str(error))
            raise
        return S3Object(self, info, answer)

    async def delete(self, key: str, *, durable: bool = False) -> None:
        target: Any = self.target(key)
        await self.calls(self.client.delete_object, **target)
        if self.keeping.has_versions:
            await self.delete_versions(key)

    async def delete_versions(self, key: str) -> None:
        """Delete the versions that a versioned bucket has kept of an object, if it lets them go."""
        target = self.target(key)
        try:
            await self.batch_calls(
                delete_versions, client=self.client, bucket=target["Bucket"], key=target["Key"]
            )
        except (ObjectNotFound, StorageError) as error:
            # The object itself is gone; what is locked stays as long as the bucket wants it.
            if not self._has_told_of_versions:
                logger.warning("old versions stay in the bucket %s: %s", self._bucket, error)
            self._has_told_of_versions = True

    async def presigned_url(self, key: str, method: str, seconds: int) -> str:
        validity = max(1, min(seconds, MAX_PRESIGNED_SECONDS))
        target = self.target(key)
        return await self.calls(self._presign, target=target, method=method, seconds=validity)

    def _presign(self, target: dict[str, str], method: str, seconds: int) -> str:
        return self._connection.presigning.generate_presigned_url(
            _OPERATIONS[method],
            Params=target,
            ExpiresIn=self._connection.seconds_presigned(seconds),
        )

    async def delete_many(self, keys: Sequence[str]) -> None:
        await self._deletion.delete_many(keys)

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        async for page in self._pages(prefix):
            for found in page:
                yield found.key

    def _pages(self, prefix: str) -> AsyncGenerator[list[FoundKey]]:
        return pages_below(self, self._bucket, self._prefix, prefix)

    def described(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        return describe(self, keys, BATCH_THREADS)

    async def _old_keys(self, now: float) -> AsyncIterator[str]:
        # At the root of a bucket one list would be of all that others have in it.
        for prefix in [""] if self._prefix else self._lifetimes or [""]:
            async for page in self._pages(prefix):
                for found in page:
                    if self._may_have_expired(found, now):
                        yield found.key

    def _may_have_expired(self, found: FoundKey, now: float) -> bool:
        if found.written is None:
            return True
        matching = (
            life for prefix, life in self._lifetimes.items() if found.key.startswith(prefix)
        )
        lifetime = next(matching, None)
        return lifetime is None or found.written + lifetime <= now

    def _described_at_leisure(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        return describe(self, keys, SWEEP_THREADS)

    async def _delete_unless_new(self, keys: Sequence[str], now: float, attempts: Attempts) -> int:
        """Do as every storage, but do not read again what was described an instant ago.

        Nor would that be sure: only the store itself could compare and delete in one step.
        """
        del now
        with attempts:
            await self.delete_many(keys)
            return len(keys)
        return 0
