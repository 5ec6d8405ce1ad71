"""Calls of boto3, which block, in threads of their own, with a deadline and one kind of error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from fake_apimart_storage.interface import ObjectNotFound, StorageError
from fake_apimart_storage.s3.failure import cause_of, code_of

CALL_SECONDS = 15
"""After so long without an answer a call has failed, wherever it is stuck."""

CALL_THREADS = 16
PART_THREADS = 8
"""Threads for parts alone, so that slow uploads leave some to everything else."""

FAILURES = (BotoCoreError, ClientError, HTTPClientError, OSError)

T = TypeVar("T")


class Calls:
    """Runs functions in worker threads, a limited number at once."""

    def __init__(self, threads: int = CALL_THREADS, seconds: float = CALL_SECONDS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="s3")
        self._seconds = seconds

    async def __call__(self, function: Callable[..., T], **parameters: Any) -> T:
        """What `function` gives back. Raises StorageError, ObjectNotFound."""
        return await self.result(self.start(function, **parameters))

    def start(self, function: Callable[..., T], **parameters: Any) -> Future[T]:
        """Begin a call; `result` waits for its end."""
        return self._pool.submit(partial(function, **parameters))

    async def result(self, job: Future[T]) -> T:
        """What a call that was begun gives back. Raises StorageError, ObjectNotFound.

        A call that is given up on runs on; one that waits for a thread never runs.
        """
        waiting = asyncio.wrap_future(job)
        # Nobody may be left to hear how it ended.
        waiting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(waiting)
        except FAILURES as error:
            job.cancel()
            if code_of(error) == "NoSuchKey":
                raise ObjectNotFound(str(error)) from error
            raise StorageError(cause_of(error)) from error

    async def close(self) -> None:
        """Wait for what runs, drop what waits."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
