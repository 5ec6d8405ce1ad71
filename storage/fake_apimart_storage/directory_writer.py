"""Writing one object into a folder: in the event loop while the disk is quick, else in threads.

Up to INLINE_BYTES wait in memory, and are written when the object commits. Beyond that, what comes
is written as it comes: to copy it into the operating system's memory takes less than to have a
thread do it. Where that is not all, since a write took long, batches go to a worker thread from
then on; at most one batch is being written and one collected. So do the steps that may take long
on any disk: to close, publish or delete a large file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait

from fake_apimart_storage.incoming import Incoming
from fake_apimart_storage.interface import Chunk, ObjectInfo, StorageError, Writer
from fake_apimart_storage.object_file import trailer, write_all

INLINE_BYTES = 128 * 1024
MOST_AT_ONCE_BYTES = 2 * 1024 * 1024
MAX_CHUNKS = 64

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class DirectoryWriter(Writer):
    def __init__(self, info: ObjectInfo, target: str, incoming: Incoming) -> None:
        self._info = info
        self._target = target
        self._incoming = incoming
        self._waiting: list[Chunk] = []
        self._waiting_bytes = 0
        self._temporary: str | None = None
        self._fd = -1
        self._job: Future[None] | None = None

    async def write(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self._waiting.append(chunk)
            self._waiting_bytes += len(chunk)
        if len(self._waiting) >= MAX_CHUNKS:
            # A client that sends byte by byte must not cost an object per byte.
            self._waiting = [b"".join(self._waiting)]
        limit = INLINE_BYTES if self._job is None else self._incoming.batch_bytes
        if self._waiting_bytes <= limit:
            return
        is_quick = self._job is None and self._incoming.is_quick
        if is_quick and self._waiting_bytes <= MOST_AT_ONCE_BYTES:
            self._write_now()
        else:
            await self._hand_over()

    def _write_now(self) -> None:
        try:
            with self._incoming.measured():
                self._append(self._taken())
        except OSError as error:
            raise StorageError(str(error)) from error

    def _taken(self) -> list[Chunk]:
        """What waits, which it then does no more."""
        batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return batch

    async def _hand_over(self) -> None:
        """Give what waits to a worker thread, once the batch before it is written."""
        await self._written()
        self._start(self._append, self._taken())

    def _start(self, step: Callable[..., None], *arguments: object) -> None:
        """Have a thread take a step; the one before it must have been `_written`."""
        if self._job is None:
            self._incoming.large_writers += 1
        self._job = self._incoming.pool.submit(step, *arguments)

    async def _written(self) -> None:
        if self._job is not None:
            try:
                await asyncio.wrap_future(self._job)
            except OSError as error:
                raise StorageError(str(error)) from error

    async def commit(self) -> None:
        try:
            await self._written()
            if self._is_small:
                self._finish()
            else:
                self._start(self._finish)
                await self._written()
        except (OSError, StorageError) as error:
            await self.abort()
            raise StorageError(str(error)) from error
        self._release()

    async def abort(self) -> None:
        if self._is_small:
            self._discard()
        else:
            job = self._incoming.pool.submit(self._discard_after, self._job)
            await asyncio.shield(asyncio.wrap_future(job))
        self._release()

    @property
    def _is_small(self) -> bool:
        """Whether all of it waits still."""
        return self._job is None and self._temporary is None

    def _release(self) -> None:
        if self._job is not None:
            self._job = None
            self._incoming.large_writers -= 1

    def _append(self, chunks: list[Chunk]) -> None:
        if self._temporary is None:
            self._fd, self._temporary = self._incoming.healing(self._create)
        write_all(self._fd, chunks)

    def _create(self) -> tuple[int, str]:
        path = self._incoming.temporary_path()
        return os.open(path, _NEW_FILE, 0o644), path

    def _finish(self) -> None:
        self._append([*self._waiting, trailer(self._info)])
        self._waiting = []
        os.close(self._fd)
        self._fd = -1
        self._incoming.healing(self._publish)

    def _publish(self) -> None:
        assert self._temporary is not None
        try:
            os.replace(self._temporary, self._target)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._target), exist_ok=True)
            os.replace(self._temporary, self._target)
        self._temporary = None

    def _discard_after(self, job: Future[None] | None) -> None:
        if job is not None:
            # The pool starts jobs in order, so this can wait for the earlier without a deadlock.
            wait([job])
        self._discard()

    def _discard(self) -> None:
        self._waiting = []
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = None
