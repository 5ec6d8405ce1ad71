"""Blocking calls of boto3 in worker threads, with patience and StorageError for every failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, NamedTuple, TypeVar

from fake_apimart_storage.interface import StorageError
from fake_apimart_storage.s3.connection.failure import failures_of_the_store
from fake_apimart_storage.s3.connection.patience import (
    PATIENCE_SECONDS,
    Pool,
    Progress,
    wait_while_moving,
)

CALL_THREADS = 16
PART_THREADS = 8
"""Threads for parts alone, so that slow uploads do not starve everything else."""

T = TypeVar("T")


class Job(NamedTuple, Generic[T]):
    """A call that was started."""

    future: Future[T]
    progress: Progress


class Calls:
    """A pool of `threads` for calls, each given up after `seconds` in which it does not get on."""

    def __init__(self, threads: int = CALL_THREADS, seconds: float = PATIENCE_SECONDS) -> None:
        self.pool = Pool(seconds)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="s3")

    async def __call__(self, function: Callable[..., T], **parameters: Any) -> T:
        """Run `function` and return its result. Raises StorageError, ObjectNotFound."""
        return await self.result(self.start(function, **parameters))

    async def in_background(self, function: Callable[..., T], **parameters: Any) -> T:
        """Do the same for what no client waits for."""
        progress = Progress(self.pool, is_patient=True)
        return await self.result(self.start(function, by=progress, **parameters))

    def progress(self) -> Progress:
        """Return the progress of a call that tells of it itself, for `start`."""
        return Progress(self.pool)

    def start(
        self, function: Callable[..., T], *, by: Progress | None = None, **parameters: Any
    ) -> Job[T]:
        """Start a call; `result` waits for its end. Raises StorageError once closed."""
        progress = by or self.progress()

        def run() -> T:
            with failures_of_the_store():
                progress.begin()
                result = function(**parameters)
                progress.pool.note()
                return result

        try:
            job = Job(self._threads.submit(run), progress)
        except RuntimeError as error:
            raise StorageError("the storage is closed") from error
        progress.pool.add()
        job.future.add_done_callback(lambda _: progress.pool.remove())
        return job

    async def result(self, job: Job[T]) -> T:
        """Wait for a call and return its result. Raises StorageError, ObjectNotFound.

        One that is given up ends when it next could get on, and a queued one never runs.
        """
        future = asyncio.wrap_future(job.future)
        # Retrieve the exception, since nobody may be left to await the future.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        with failures_of_the_store():
            try:
                return await wait_while_moving(future, job.progress)
            except TimeoutError:
                job.progress.give_up()
                job.future.cancel()
                raise
            except asyncio.CancelledError:
                if job.future.cancelled() and future.cancelled():
                    raise StorageError("the storage is closed") from None
                raise

    async def close(self) -> None:
        """Wait for running calls and cancel queued ones."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
