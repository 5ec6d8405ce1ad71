"""The writer of an object file: in the event loop while the disk is quick, else in threads.

Up to INLINE_BYTES are buffered, and written when the object commits. More is written as it
arrives: a copy to the page cache takes less time than a change of threads. Once a write was slow,
batches go to a worker thread; at most one batch is being written while another is collected. Steps
that may be slow on any disk (closing, publishing or deleting a large file, and what waits for the
disk itself) run in a thread too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait

from fake_apimart_storage.folders import Folder, folder_at
from fake_apimart_storage.incoming import Incoming, Part
from fake_apimart_storage.interface import Chunk, ObjectInfo, StorageError, Writer
from fake_apimart_storage.object_file import trailer, write_all

INLINE_BYTES = 128 * 1024
"""Largest object that is buffered whole and written in the event loop."""
MAX_INLINE_WRITE_BYTES = 2 * 1024 * 1024
"""Largest single write in the event loop."""
MAX_CHUNKS = 64
"""Pending chunks, beyond which they are joined."""


class DirectoryWriter(Writer):
    """Writes a temporary file, and moves it to its place at the commit.

    `place` are the names that lead there from `root`. Where `sync`, every commit is durable.
    """

    def __init__(
        self, info: ObjectInfo, root: str, place: list[str], incoming: Incoming, *, sync: bool
    ) -> None:
        self._info = info
        self._root = root
        *self._folders, self._name = place
        self._incoming = incoming
        self._sync = sync
        self._size = 0
        self._pending: list[Chunk] = []
        self._pending_bytes = 0
        self._part: Part | None = None
        self._fd = -1
        self._job: Future[None] | None = None
        self._is_aborted = False

    async def write(self, chunks: Iterable[Chunk]) -> None:
        self._begin_step()
        for chunk in chunks:
            self._pending.append(chunk)
            self._pending_bytes += len(chunk)
        if len(self._pending) >= MAX_CHUNKS:
            # A client that sends single bytes must not cost an object per byte.
            self._pending = [b"".join(self._pending)]
        limit = INLINE_BYTES if self._job is None else self._incoming.batch_bytes
        if self._pending_bytes <= limit:
            return
        is_quick = self._job is None and self._incoming.is_quick
        if is_quick and self._pending_bytes <= MAX_INLINE_WRITE_BYTES:
            self._write_now()
        else:
            await self._submit_pending()

    def _begin_step(self) -> None:
        """Raise StorageError where nothing may be written any more."""
        if self._is_aborted:
            raise StorageError("the upload was given up meanwhile")
        self._incoming.writers.add(self)

    def _write_now(self) -> None:
        try:
            with self._incoming.measured():
                self._append(self._take_pending())
        except OSError as error:
            raise StorageError(str(error)) from error

    def _take_pending(self) -> list[Chunk]:
        """Return the pending chunks and reset the buffer."""
        batch, self._pending, self._pending_bytes = self._pending, [], 0
        return batch

    async def _submit_pending(self) -> None:
        """Submit the pending chunks to a worker thread, after the batch before is written."""
        await self._wait_for_job()
        self._begin_step()
        self._submit(self._append, self._take_pending())

    def _submit(self, step: Callable[..., None], *arguments: object) -> None:
        """Run a step in a thread; the one before must have ended (`_wait_for_job`)."""
        if self._job is None:
            self._incoming.large_writers += 1
        self._job = self._incoming.pool.submit(step, *arguments)

    async def _wait_for_job(self) -> None:
        if self._job is not None:
            try:
                await asyncio.wrap_future(self._job)
            except OSError as error:
                raise StorageError(str(error)) from error

    async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
        self._begin_step()
        self._sync |= durable
        try:
            await self._wait_for_job()
            self._begin_step()
            if self._is_buffered and not self._sync:
                self._finish()
            else:
                self._submit(self._finish)
                await self._wait_for_job()
        except (OSError, StorageError) as error:
            await self.abort()
            raise StorageError(str(error)) from error
        self._release()

    async def abort(self) -> None:
        self._is_aborted = True
        if self._is_buffered:
            self._discard()
        else:
            job = self._incoming.pool.submit(self._discard_after, self._job)
            await asyncio.shield(asyncio.wrap_future(job))
        self._release()

    @property
    def _is_buffered(self) -> bool:
        """Whether no byte has been written or submitted yet."""
        return self._job is None and self._part is None

    def _release(self) -> None:
        self._incoming.writers.remove(self)
        if self._job is not None:
            self._job = None
            self._incoming.large_writers -= 1

    def _append(self, chunks: list[Chunk]) -> None:
        if self._part is None:
            self._fd, self._part = self._incoming.create_part()
        write_all(self._fd, chunks)
        self._size += sum(map(len, chunks))

    def _finish(self) -> None:
        self._append(self._take_pending())
        write_all(self._fd, [trailer(self._info, self._size)])
        fd, self._fd = self._fd, -1
        try:
            if self._sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        try:
            self._publish()
        except FileNotFoundError:
            # The folder was removed between its opening and the move.
            if self._part is None or not self._part.folder.has(self._part.name):
                raise
            self._publish()

    def _publish(self) -> None:
        assert self._part is not None
        with folder_at(self._root, self._folders, create=True, sync=self._sync) as folder:
            self._part.folder.move(self._part.name, folder, self._name)
            self._part = None
            if self._sync:
                self._sync_or_take_back(folder)

    def _sync_or_take_back(self, folder: Folder) -> None:
        try:
            folder.sync()
        except OSError:
            with contextlib.suppress(OSError):
                folder.delete(self._name)
            raise

    def _discard_after(self, job: Future[None] | None) -> None:
        if job is not None:
            # The pool starts jobs in order, so that waiting for an earlier one cannot deadlock.
            wait([job])
        self._discard()

    def _discard(self) -> None:
        self._take_pending()
        fd, self._fd = self._fd, -1
        part, self._part = self._part, None
        with contextlib.suppress(OSError):
            if fd >= 0:
                os.close(fd)
        with contextlib.suppress(OSError):
            if part is not None:
                part.folder.delete(part.name)
