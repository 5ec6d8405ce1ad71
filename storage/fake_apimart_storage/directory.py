"""`dir:PATH`: one file per object, below PATH/objects, by the object's key.

Uploads under way lie in PATH/incoming, in one folder for each server that uses PATH. A server
holds a lock in its folder for as long as it lives, and the operating system drops it however the
server ends: what lies in a folder without a holder is left from a crash, and swept at the next
start. Several servers may share one PATH.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from fake_apimart_storage.directory_writer import INLINE_BYTES, DirectoryWriter
from fake_apimart_storage.etag import etag
from fake_apimart_storage.interface import (
    ObjectInfo,
    ObjectNotFound,
    Storage,
    StorageError,
    StoredObject,
)
from fake_apimart_storage.object_file import path_of, read_trailer

WORKER_THREADS = 4
READ_BYTES = 256 * 1024
BATCH_BYTES = 1024 * 1024
SMALLEST_BATCH_BYTES = 64 * 1024
BUFFER_BYTES = 32 * 1024 * 1024
LIST_BATCH = 256
LOCK_SECONDS = 10

T = TypeVar("T")

logger = logging.getLogger("fake_apimart.storage")


class DirectoryObject(StoredObject):
    def __init__(self, fd: int, info: ObjectInfo, size: int, pool: ThreadPoolExecutor) -> None:
        self.info = info
        self.size = size
        self.etag = etag(info.key, size)
        self._fd = fd
        self._pool = pool

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        stop = min(stop, self.size)
        try:
            os.lseek(self._fd, start, os.SEEK_SET)
            if stop - start <= INLINE_BYTES:
                yield os.read(self._fd, stop - start)
                return
            loop = asyncio.get_running_loop()
            while start < stop:
                length = min(READ_BYTES, stop - start)
                chunk = await loop.run_in_executor(self._pool, os.read, self._fd, length)
                if not chunk:
                    raise StorageError(f"{self.info.key} ends before its size")
                start += len(chunk)
                yield chunk
        except OSError as error:
            raise StorageError(str(error)) from error

    async def close(self) -> None:
        os.close(self._fd)


class DirectoryStorage(Storage):
    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = f"dir:{root}"
        self.objects = root / "objects"
        self.large_writers = 0
        self.pool = ThreadPoolExecutor(WORKER_THREADS, thread_name_prefix="storage")
        self._incoming = root / "incoming"
        self._own: Path | None = None
        self._lock: FileLock | None = None
        self._numbers = itertools.count()

    @property
    def batch_bytes(self) -> int:
        """How much a writer collects before it hands over: less, the more writers there are."""
        share = BUFFER_BYTES // (2 * max(1, self.large_writers))
        return max(SMALLEST_BATCH_BYTES, min(BATCH_BYTES, share))

    async def open(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self.pool, self._prepare)
        except (OSError, Timeout) as error:
            raise StorageError(f"cannot use {self.root}: {_cause(error)}") from error

    def _prepare(self) -> None:
        self.objects.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(exist_ok=True)
        # Between making a folder and locking it a server looks dead: nobody may sweep just then.
        with FileLock(self.root / "incoming.lock", timeout=LOCK_SECONDS):
            for folder in self._incoming.iterdir():
                self._sweep(folder)
            numbers = (self._incoming / str(number) for number in itertools.count())
            self._own = next(path for path in numbers if not path.exists())
            self._own.mkdir()
            self._lock = FileLock(self._own / "lock")
            self._lock.acquire(timeout=LOCK_SECONDS)

    def _sweep(self, folder: Path) -> None:
        lock = FileLock(folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return
        lock.release()
        left = [path.name for path in folder.iterdir() if path.name != "lock"]
        shutil.rmtree(folder)
        if left:
            logger.info("swept %d unfinished upload(s) that a crash left", len(left))

    async def close(self) -> None:
        self.pool.shutdown()
        if self._lock is not None and self._own is not None:
            self._lock.release()
            with contextlib.suppress(OSError):
                shutil.rmtree(self._own)
            self._lock = None

    def temporary_path(self) -> Path:
        """A name in this server's own folder that no other upload has."""
        assert self._own is not None, "open the storage first"
        return self._own / f"{next(self._numbers)}.part"

    def healing(self, action: Callable[[], T]) -> T:
        """Run `action`; if folders of ours were removed meanwhile, make them anew and try again.

        The root itself is never made anew: where it is gone, so are the user's files.
        """
        try:
            return action()
        except FileNotFoundError:
            if self._own is None or not self.root.is_dir() or self._own.is_dir():
                raise
            self._own.mkdir(parents=True, exist_ok=True)
            return action()

    def writer(self, info: ObjectInfo) -> DirectoryWriter:
        return DirectoryWriter(self, info)

    async def get(self, key: str) -> DirectoryObject:
        fd = self._open_object(path_of(self.objects, key))
        try:
            info, size = read_trailer(fd, os.fstat(fd).st_size)
            if info.key != key:
                # Two keys share a file name where the file system ignores case.
                raise ObjectNotFound(key)
            return DirectoryObject(fd, info, size, self.pool)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, OSError):
                raise StorageError(str(error)) from error
            raise

    @staticmethod
    def _open_object(path: Path) -> int:
        try:
            return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectNotFound(str(path)) from None
        except OSError as error:
            raise StorageError(str(error)) from error

    async def delete(self, key: str) -> None:
        try:
            path_of(self.objects, key).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(str(error)) from error

    async def entries(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        loop = asyncio.get_running_loop()
        paths = self._object_files()
        while True:
            batch = await loop.run_in_executor(self.pool, self._describe, paths)
            if not batch:
                return
            for info in batch:
                if info is not None and info.key.startswith(prefix):
                    yield info

    def _object_files(self) -> Iterator[Path]:
        for folder, _, names in os.walk(self.objects):
            for name in names:
                yield Path(folder, name)

    def _describe(self, paths: Iterator[Path]) -> list[ObjectInfo | None]:
        return [self._info_of(path) for path in itertools.islice(paths, LIST_BATCH)]

    @staticmethod
    def _info_of(path: Path) -> ObjectInfo | None:
        """What a file says of itself; None where it is gone meanwhile, or none of ours."""
        try:
            with path.open("rb", buffering=0) as file:
                return read_trailer(file.fileno(), os.fstat(file.fileno()).st_size)[0]
        except (OSError, StorageError):
            return None


def _cause(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
