"""`dir:PATH`: one file per object below PATH/objects, at the path of the object's key.

Uploads in flight are in PATH/incoming until they are complete. Servers may share one PATH.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import Timeout

from fake_apimart_storage.directory_writer import INLINE_BYTES, DirectoryWriter
from fake_apimart_storage.etag import etag
from fake_apimart_storage.incoming import Incoming
from fake_apimart_storage.interface import (
    ObjectInfo,
    ObjectNotFound,
    Storage,
    StorageError,
    StoredObject,
)
from fake_apimart_storage.object_file import path_of, read_trailer

READ_BYTES = 256 * 1024
"""Size of the chunks that a reader gets."""
LIST_BATCH = 256
"""Files whose trailers are read in one job of a worker thread."""
PAUSE_SECONDS = 0.25
"""Pause after each batch of the search for expired objects, about 20 times what a batch takes."""


class DirectoryObject(StoredObject):
    """An open object file; small reads run in the event loop, others in the pool."""

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
    """Object files below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = f"dir:{root}"
        self.objects = root / "objects"
        self.incoming = Incoming(root)

    async def open(self, lifetimes: Mapping[str, int] | None = None) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self.incoming.pool, self._prepare)
        except (OSError, Timeout) as error:
            raise StorageError(f"cannot use {self.root}: {_cause(error)}") from error

    def _prepare(self) -> None:
        self.objects.mkdir(parents=True, exist_ok=True)
        self.incoming.open()

    async def close(self) -> None:
        self.incoming.close()

    def writer(self, info: ObjectInfo) -> DirectoryWriter:
        return DirectoryWriter(info, path_of(self.objects, info.key), self.incoming)

    async def get(self, key: str, *, with_bytes: bool = True) -> DirectoryObject:
        fd = self._open_object(path_of(self.objects, key))
        try:
            info, size = read_trailer(fd, os.fstat(fd).st_size)
            if info.key != key:
                # On a case-insensitive file system two keys can share a file.
                raise ObjectNotFound(key)
            return DirectoryObject(fd, info, size, self.incoming.pool)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, OSError):
                raise StorageError(str(error)) from error
            raise

    @staticmethod
    def _open_object(path: str) -> int:
        try:
            return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectNotFound(path) from None
        except OSError as error:
            raise StorageError(str(error)) from error

    async def delete(self, key: str) -> None:
        try:
            os.unlink(path_of(self.objects, key))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(str(error)) from error

    async def entries(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        async for batch in self._batches(prefix.rpartition("/")[0]):
            for info in batch:
                if info.key.startswith(prefix):
                    yield info

    async def delete_expired(self, now: float) -> int:
        """Do as every storage, but with pauses.

        Otherwise a scan of many files would take a large share of the server's capacity.
        """
        deleted = 0
        async for batch in self._batches(""):
            for info in batch:
                if info.expires_at <= now:
                    await self.delete(info.key)
                    deleted += 1
            await asyncio.sleep(PAUSE_SECONDS)
        return deleted

    async def _batches(self, folder: str) -> AsyncGenerator[list[ObjectInfo]]:
        """Yield the objects in a folder, at any depth, in batches."""
        loop = asyncio.get_running_loop()
        paths = self._object_files(folder)
        while True:
            # In a thread, since listing a large folder is slow too.
            batch = await loop.run_in_executor(self.incoming.pool, self._describe, paths)
            if not batch:
                return
            yield [info for info in batch if info is not None]

    def _object_files(self, folder: str) -> Iterator[Path]:
        root = path_of(self.objects, folder) if folder else self.objects
        for parent, _, names in os.walk(root):
            for name in names:
                yield Path(parent, name)

    def _describe(self, paths: Iterator[Path]) -> list[ObjectInfo | None]:
        return [self._info_of(path) for path in itertools.islice(paths, LIST_BATCH)]

    @staticmethod
    def _info_of(path: Path) -> ObjectInfo | None:
        """Return a file's description, or None if it was deleted or is not an object file."""
        try:
            with path.open("rb", buffering=0) as file:
                return read_trailer(file.fileno(), os.fstat(file.fileno()).st_size)[0]
        except (OSError, StorageError):
            return None


def _cause(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
