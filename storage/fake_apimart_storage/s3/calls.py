"""Blocking calls of boto3 in worker threads, with a timeout and StorageError for every failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from fake_apimart_storage.interface import ObjectNotFound, StorageError
from fake_apimart_storage.s3.failure import FAILURES, cause_of, code_of

CALL_SECONDS = 15
"""Timeout of a call, wherever it hangs."""

CALL_THREADS = 16
PART_THREADS = 8
"""Threads for parts alone, so that slow uploads do not starve everything else."""

_MISSING = ("NoSuchKey", "NoSuchUpload")
"""The error codes of S3 for what is not there."""

T = TypeVar("T")


class Calls:
    """A pool of `threads` for calls, each with a timeout of `seconds`."""

    def __init__(self, threads: int = CALL_THREADS, seconds: float = CALL_SECONDS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="s3")
        self._seconds = seconds

    async def __call__(self, function: Callable[..., T], **parameters: Any) -> T:
        """Run `function` and return its result. Raises StorageError, ObjectNotFound."""
        return await self.result(self.start(function, **parameters))

    def start(self, function: Callable[..., T], **parameters: Any) -> Future[T]:
        """Start a call; `result` waits for its end. Raises StorageError once closed."""
        try:
            return self._pool.submit(partial(function, **parameters))
        except RuntimeError as error:
            raise StorageError("the storage is closed") from error

    async def result(self, job: Future[T]) -> T:
        """Wait for a call and return its result. Raises StorageError, ObjectNotFound.

        After a timeout, a running call continues and a queued one never runs.
        """
        future = asyncio.wrap_future(job)
        # Retrieve the exception, since nobody may be left to await the future.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(future)
        except FAILURES as error:
            job.cancel()
            if code_of(error) in _MISSING:
                raise ObjectNotFound(str(error)) from error
            raise StorageError(cause_of(error)) from error

    async def close(self) -> None:
        """Wait for running calls and cancel queued ones."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
