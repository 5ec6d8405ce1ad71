"""The writer of an object: one PUT if it is small, else a multipart upload while it arrives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from fake_apimart_storage.interface import (
    Chunk,
    ObjectInfo,
    ObjectNotFound,
    StorageError,
    StoredObject,
    Writer,
)
from fake_apimart_storage.open_writers import OpenWriters
from fake_apimart_storage.s3.connection.calls import Calls, Job
from fake_apimart_storage.s3.connection.failure import field_of, was_refused
from fake_apimart_storage.s3.connection.patience import SharedProgress
from fake_apimart_storage.s3.metadata import to_metadata
from fake_apimart_storage.s3.transfer.budget import Budget
from fake_apimart_storage.s3.transfer.part import Part
from fake_apimart_storage.s3.versions import Keeping

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SETTLE_SECONDS = (1.0, 4.0)
"""The pauses before each further look at what the store makes of calls that got no response."""

CLEANUP_DELAYS = (0.0, 2.0, 10.0)
"""Seconds before each attempt to clean up."""

SMALL_BYTES = 1024 * 1024
"""Largest object that does not need a thread for parts."""

logger = logging.getLogger(__name__)


class Store(Protocol):
    """The part of S3Storage that a writer needs."""

    client: S3Client
    calls: Calls
    part_calls: Calls
    budget: Budget
    writers: OpenWriters
    keeping: Keeping

    def target(self, key: str) -> dict[str, str]:
        """Return bucket and key as parameters of a call."""

    def run_in_background(self, cleanup: Any) -> None:
        """Run a coroutine in a task, which `close` of the storage waits for."""

    async def pause(self, seconds: float) -> bool:
        """Wait `seconds`; return whether to go on, False if the storage is closing."""

    async def get(self, key: str, *, with_bytes: bool = True) -> StoredObject: ...

    async def delete(self, key: str) -> None: ...


class S3Writer(Writer):
    """Collects parts and sends each when it is full."""

    def __init__(self, store: Store, info: ObjectInfo) -> None:
        self._store = store
        self._info = info
        self._target: Any = store.target(info.key)
        self._part = Part()
        self._creating: Job[Any] | None = None
        self._sending: list[asyncio.Task[str]] = []
        self._jobs: list[Job[Any]] = []
        self._may_delete = False
        self._ended = False

    async def write(self, chunks: Iterable[Chunk]) -> None:
        self._begin_step()
        self._raise_failure()
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                if not self._part.room:
                    self._send_part()
                piece = rest[: self._part.room]
                await self._store.budget.acquire(self._part, len(piece))
                self._part.append(piece)
                rest = rest[len(piece) :]

    def _begin_step(self) -> None:
        """Raise StorageError where nothing may be written any more."""
        if self._ended:
            raise StorageError("the upload was given up meanwhile")
        self._store.writers.add(self)

    def _raise_failure(self) -> None:
        """Raise the error of a part that failed, since sending more would be futile."""
        for sending in self._sending:
            if sending.done():
                sending.result()

    def _object_parameters(self) -> dict[str, Any]:
        return {
            **self._target,
            "ContentType": self._info.content_type,
            "Metadata": to_metadata(self._info),
        }

    def _send_part(self) -> None:
        part, self._part = self._part, Part()
        if self._creating is None:
            create = self._store.client.create_multipart_upload
            self._creating = self._store.calls.start(create, **self._object_parameters())
            self._jobs.append(self._creating)
        sending = self._upload_part(part, len(self._sending) + 1, self._creating)
        self._sending.append(asyncio.create_task(sending))

    async def _upload_part(self, part: Part, number: int, creating: Job[Any]) -> str:
        try:
            created = await self._store.calls.result(creating)
            upload_id = field_of(created, "UploadId")
        except BaseException:
            self._release(part)
            raise
        upload_part = self._store.client.upload_part
        upload = {**self._target, "UploadId": upload_id, "PartNumber": number}
        job = self._start(self._store.part_calls, upload_part, part, upload)
        try:
            return str(field_of(await self._store.part_calls.result(job), "ETag"))
        except ObjectNotFound as error:
            raise StorageError(str(error)) from error

    def _start(
        self, calls: Calls, function: Any, part: Part, parameters: dict[str, Any]
    ) -> Job[Any]:
        """Start to send `part`, which holds its memory until the call has ended."""
        part.seek(0)
        part.progress = SharedProgress(self._store.part_calls.pool)
        parameters = {**parameters, "Body": part, "ContentLength": part.size}
        send = _with_md5(function) if self._store.keeping.has_locks else function
        job = calls.start(send, by=part.progress, **parameters)
        self._jobs.append(job)
        loop = asyncio.get_running_loop()
        job.future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release, part))
        return job

    def _release(self, part: Part) -> None:
        size = part.size
        part.release()
        self._store.budget.release(part, size)

    async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
        self._begin_step()
        # A key that was in use may hold what was stored before, which nobody has asked to delete.
        self._may_delete = not replaces
        try:
            if self._creating is None:
                await self._put()
            else:
                await self._complete(self._creating)
        except ObjectNotFound as error:
            await self.abort()
            raise StorageError(str(error)) from error
        except BaseException:
            await self.abort()
            raise
        self._ended = True
        self._store.writers.remove(self)

    async def _put(self) -> None:
        part, self._part = self._part, Part()
        store = self._store
        calls = store.calls if part.size <= SMALL_BYTES else store.part_calls
        job = self._start(calls, store.client.put_object, part, self._object_parameters())
        await calls.result(job)

    async def _complete(self, creating: Job[Any]) -> None:
        self._send_part()
        etags = await asyncio.gather(*self._sending)
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        complete = self._store.client.complete_multipart_upload
        job = self._store.calls.start(
            complete,
            **self._target,
            UploadId=field_of(creating.future.result(), "UploadId"),
            MultipartUpload={"Parts": parts},
        )
        self._jobs.append(job)
        await self._store.calls.result(job)

    async def abort(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._store.writers.remove(self)
        self._release(self._part)
        if self._jobs:
            self._store.run_in_background(self._clean_up_after_calls())

    async def _clean_up_after_calls(self) -> None:
        """Leave nothing behind, whatever the outcome of the calls that were started."""
        for sending in self._sending:
            sending.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        running = [each.future for each in self._jobs if not each.future.cancel()]
        outcomes = await asyncio.gather(*map(asyncio.wrap_future, running), return_exceptions=True)
        await self._clean_up()
        if any(isinstance(each, BaseException) or _was_repeated(each) for each in outcomes):
            for pause in SETTLE_SECONDS:
                is_closing = not await self._store.pause(pause)
                await self._clean_up()
                if is_closing:
                    return

    async def _clean_up(self) -> None:
        for delay in CLEANUP_DELAYS:
            if not await self._store.pause(delay):
                return
            try:
                await self._abort_uploads()
                if self._may_delete:
                    await self._delete_own()
            except StorageError as error:
                logger.warning("cannot clean up after %s: %s", self._info.key, error)
            else:
                return

    async def _abort_uploads(self) -> None:
        """Abort the upload by its id, or all of the key where an answer with an id was lost."""
        if self._creating is None or self._creating.future.cancelled():
            return
        failure = self._creating.future.exception()
        if failure is None:
            answer = self._creating.future.result()
            await self._abort_upload(field_of(answer, "UploadId"))
            if not _was_repeated(answer):
                return
        elif was_refused(failure):
            return
        store, target = self._store, self._target
        bucket, key = target["Bucket"], target["Key"]
        listing = store.client.list_multipart_uploads
        listed = await store.calls.in_background(listing, Bucket=bucket, Prefix=key)
        for upload in listed.get("Uploads", ()):
            if field_of(upload, "Key") == key:
                await self._abort_upload(field_of(upload, "UploadId"))

    async def _abort_upload(self, upload_id: str) -> None:
        with contextlib.suppress(ObjectNotFound):
            abort = self._store.client.abort_multipart_upload
            await self._store.calls.in_background(abort, **self._target, UploadId=upload_id)

    async def _delete_own(self) -> None:
        """Delete the object if this writer stored it (its response may be lost), and no other."""
        with contextlib.suppress(ObjectNotFound):
            async with await self._store.get(self._info.key, with_bytes=False) as stored:
                is_own = to_metadata(stored.info) == to_metadata(self._info)
            if is_own:
                await self._store.delete(self._info.key)


def _was_repeated(answer: Any) -> bool:
    """Return whether a call was sent again: the store may have carried out both."""
    return isinstance(answer, dict) and bool(
        answer.get("ResponseMetadata", {}).get("RetryAttempts")
    )


def _with_md5(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what calls `function` with the body's MD5, without which no object can be locked."""

    def send(**parameters: Any) -> Any:
        return function(ContentMD5=parameters["Body"].md5(), **parameters)

    return send
