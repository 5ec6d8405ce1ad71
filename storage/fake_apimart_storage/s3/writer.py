"""Writing one object: a small one in one PUT, a large one in parts while the rest arrives."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from fake_apimart_storage.interface import (
    Chunk,
    ObjectInfo,
    ObjectNotFound,
    StorageError,
    StoredObject,
    Writer,
)
from fake_apimart_storage.s3.budget import Budget
from fake_apimart_storage.s3.calls import Calls
from fake_apimart_storage.s3.metadata import to_metadata

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 8 * 1024 * 1024
"""All parts but the last are of one size: some stores demand it. S3 itself demands 5 MiB."""

SMALL_BYTES = 1024 * 1024

logger = logging.getLogger("fake_apimart.storage")


class Store(Protocol):
    """What a writer needs of the storage that it writes to."""

    client: S3Client
    calls: Calls
    part_calls: Calls
    budget: Budget

    def target(self, key: str) -> dict[str, str]:
        """Bucket and key, as parameters of a call."""

    def in_background(self, cleaning: Any) -> None:
        """Run a coroutine that nobody waits for, before the storage closes."""

    async def get(self, key: str, *, with_bytes: bool = True) -> StoredObject: ...

    async def delete(self, key: str) -> None: ...


class _Part(io.BytesIO):
    """The bytes of one part, or of a whole small object."""

    size = 0


class S3Writer(Writer):
    def __init__(self, store: Store, info: ObjectInfo) -> None:
        self._store = store
        self._info = info
        self._target: Any = store.target(info.key)
        self._part = _Part()
        self._creating: Future[Any] | None = None
        self._sending: list[asyncio.Task[str]] = []
        self._jobs: list[Future[Any]] = []
        self._committing = False
        self._ended = False

    async def write(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                if self._part.size == PART_BYTES:
                    self._send_part()
                    self._raise_failure()
                piece = rest[: PART_BYTES - self._part.size]
                await self._store.budget.take(self._part, len(piece))
                self._part.write(piece)
                self._part.size += len(piece)
                rest = rest[len(piece) :]

    def _raise_failure(self) -> None:
        """Fail early: what is sent after a part that failed is lost labour."""
        for sending in self._sending:
            if sending.done():
                sending.result()

    def _described(self) -> dict[str, Any]:
        return {
            **self._target,
            "ContentType": self._info.content_type,
            "Metadata": to_metadata(self._info),
        }

    def _send_part(self) -> None:
        part, self._part = self._part, _Part()
        if self._creating is None:
            create = self._store.client.create_multipart_upload
            self._creating = self._store.calls.start(create, **self._described())
            self._jobs.append(self._creating)
        sending = self._upload_part(part, len(self._sending) + 1, self._creating)
        self._sending.append(asyncio.create_task(sending))

    async def _upload_part(self, part: _Part, number: int, creating: Future[Any]) -> str:
        try:
            created = await self._store.calls.result(creating)
        except BaseException:
            self._store.budget.give_back(part, part.size)
            raise
        upload_part = self._store.client.upload_part
        upload = {**self._target, "UploadId": created["UploadId"], "PartNumber": number}
        job = self._start(self._store.part_calls, upload_part, part, upload)
        return str((await self._store.part_calls.result(job))["ETag"])

    def _start(
        self, calls: Calls, function: Any, part: _Part, parameters: dict[str, Any]
    ) -> Future[Any]:
        """Begin to send `part`, which counts until the call has let go of it."""
        part.seek(0)
        job = calls.start(function, Body=part, ContentLength=part.size, **parameters)
        self._jobs.append(job)
        loop = asyncio.get_running_loop()
        give_back, size = self._store.budget.give_back, part.size
        job.add_done_callback(lambda _: loop.call_soon_threadsafe(give_back, part, size))
        return job

    async def commit(self) -> None:
        self._committing = True
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

    async def _put(self) -> None:
        part, self._part = self._part, _Part()
        store = self._store
        calls = store.calls if part.size <= SMALL_BYTES else store.part_calls
        job = self._start(calls, store.client.put_object, part, self._described())
        await calls.result(job)

    async def _complete(self, creating: Future[Any]) -> None:
        self._send_part()
        etags = await asyncio.gather(*self._sending)
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        complete = self._store.client.complete_multipart_upload
        job = self._store.calls.start(
            complete,
            **self._target,
            UploadId=creating.result()["UploadId"],
            MultipartUpload={"Parts": parts},
        )
        self._jobs.append(job)
        await self._store.calls.result(job)

    async def abort(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._store.budget.give_back(self._part, self._part.size)
        self._part = _Part()
        if self._jobs:
            self._store.in_background(self._clean())

    async def _clean(self) -> None:
        """Leave nothing, however the calls that were begun may end."""
        for sending in self._sending:
            sending.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        running = [asyncio.wrap_future(job) for job in self._jobs if not job.cancel()]
        await asyncio.gather(*running, return_exceptions=True)
        with contextlib.suppress(StorageError, ObjectNotFound):
            await self._abort_upload()
        try:
            if self._committing:
                await self._delete_own()
        except ObjectNotFound:
            return
        except StorageError as error:
            logger.warning("cannot tell whether %s was left behind: %s", self._info.key, error)

    async def _abort_upload(self) -> None:
        creating = self._creating
        if creating is not None and not creating.cancelled() and creating.exception() is None:
            upload_id = creating.result()["UploadId"]
            abort = self._store.client.abort_multipart_upload
            await self._store.calls(abort, **self._target, UploadId=upload_id)

    async def _delete_own(self) -> None:
        """Delete what a call stored whose answer was lost, and never what was there before."""
        async with await self._store.get(self._info.key, with_bytes=False) as stored:
            is_own = to_metadata(stored.info) == to_metadata(self._info)
        if is_own:
            await self._store.delete(self._info.key)
