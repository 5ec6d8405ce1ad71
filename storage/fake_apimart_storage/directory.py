"""`dir:PATH`: one file per object below PATH/objects, at the path of the object's key.

Uploads in flight are in PATH/incoming until they are complete. Servers may share one PATH.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from fake_apimart_storage.batches import Attempts
from fake_apimart_storage.description import etag
from fake_apimart_storage.directory_writer import INLINE_BYTES, DirectoryWriter
from fake_apimart_storage.folders import ABSENT, Folder, folder_at
from fake_apimart_storage.incoming import Incoming
from fake_apimart_storage.interface import (
    DamagedObject,
    Listed,
    ObjectInfo,
    ObjectNotFound,
    Storage,
    StorageError,
    StoredObject,
)
from fake_apimart_storage.keys import KeyTest, any_key, is_portable, portable_key
from fake_apimart_storage.object_file import read_at, read_trailer

OBJECTS = "objects"
"""The folder of all object files."""
READ_BYTES = 256 * 1024
"""Size of the chunks that a reader gets."""
LIST_BATCH = 256
"""Files whose trailers are read in one job of a worker thread."""
PAUSE_SECONDS = 0.25
"""Pause after each batch of the search for expired objects, about 20 times what a batch takes."""

_Result = TypeVar("_Result")

_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What a file that cannot be opened is not to blame for."""


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
        loop = asyncio.get_running_loop()
        is_small = stop - start <= INLINE_BYTES
        while start < stop:
            length = min(READ_BYTES, stop - start)
            try:
                if is_small:
                    chunk = read_at(self._fd, start, length)
                else:
                    chunk = await loop.run_in_executor(self._pool, read_at, self._fd, start, length)
            except (OSError, RuntimeError) as error:
                # A RuntimeError of the pool, which is closed.
                raise StorageError(str(error)) from error
            if len(chunk) < length:
                raise StorageError(f"{self.info.key} ends before its size")
            start += length
            yield chunk

    async def close(self) -> None:
        os.close(self._fd)


class DirectoryStorage(Storage):
    """Object files below `root`. Where `sync`, every object outlives a power cut."""

    sweep_pause = PAUSE_SECONDS

    def __init__(self, root: Path, *, sync: bool = False) -> None:
        super().__init__()
        self.root = root
        self.location = f"dir:{root}"
        self.incoming = Incoming(root)
        self._sync = sync
        self._root = str(root)

    async def open(
        self, lifetimes: Mapping[str, int] | None = None, is_own: KeyTest = any_key
    ) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self.incoming.pool, self._prepare)
        except OSError as error:
            raise StorageError(f"cannot use {self.root}: {_cause(error)}") from error
        self.has_others = self.incoming.has_others

    def _prepare(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        with folder_at(self._root, [OBJECTS], create=True, sync=True):
            self.incoming.open()

    async def check(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self.incoming.pool, self._look)
        except (OSError, RuntimeError) as error:
            # A RuntimeError of the pool, which is closed.
            raise StorageError(f"cannot use {self.root}: {_cause(error)}") from error

    def _look(self) -> None:
        with folder_at(self._root, [OBJECTS]):
            pass

    async def close(self) -> None:
        await self.incoming.writers.close()
        await asyncio.to_thread(self.incoming.close)

    def writer(self, info: ObjectInfo) -> DirectoryWriter:
        return DirectoryWriter(info, self._root, _place(info.key), self.incoming, sync=self._sync)

    async def get(self, key: str, *, with_bytes: bool = True) -> DirectoryObject:
        try:
            fd = self._open_object(key)
        except OSError as error:
            if error.errno in ABSENT:
                raise ObjectNotFound(key) from None
            raise StorageError(str(error)) from error
        try:
            info, size = read_trailer(fd)
            if info.key != key:
                raise _other_key(info.key, key)
            return DirectoryObject(fd, info, size, self.incoming.pool)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, DamagedObject):
                self.note_damage(key, str(error))
            if isinstance(error, OSError):
                raise StorageError(str(error)) from error
            raise

    def _open_object(self, key: str) -> int:
        *folders, name = _place(key)
        with folder_at(self._root, folders) as folder:
            return folder.open_file(name)

    async def delete(self, key: str, *, durable: bool = False) -> None:
        try:
            if durable:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self.incoming.pool, self._delete, key, True)
            else:
                self._delete(key, False)
        except OSError as error:
            if error.errno not in ABSENT:
                raise StorageError(str(error)) from error

    def _delete(self, key: str, sync: bool) -> None:
        *folders, name = _place(key)
        with folder_at(self._root, folders) as folder:
            folder.delete(name)
            if sync:
                folder.sync()

    async def delete_many(self, keys: Sequence[str]) -> None:
        for first in range(0, len(keys), LIST_BATCH):
            batch = keys[first : first + LIST_BATCH]
            await self._in_thread(self._delete_batch, batch)

    def _delete_batch(self, keys: Sequence[str]) -> None:
        """Delete files, and raise the first failure at the end. Raises OSError."""
        attempts = Attempts(OSError)
        for key in keys:
            with attempts:
                try:
                    self._delete(key, False)
                except OSError as error:
                    if error.errno not in ABSENT:
                        raise
        attempts.end()

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        keys = self._keys_below(prefix.rpartition("/")[0])
        # In a thread, since listing a large folder is slow too.
        while batch := await self._in_thread(_next_of, keys):
            for key in batch:
                if key.startswith(prefix):
                    yield key

    async def described(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        for first in range(0, len(keys), LIST_BATCH):
            batch = keys[first : first + LIST_BATCH]
            for listed in await self._in_thread(self._describe, batch):
                yield listed

    async def _in_thread(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Run a function in a worker thread. Raises StorageError."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.incoming.pool, function, *arguments)
        except (OSError, RuntimeError) as error:
            # A RuntimeError of the pool, which is closed.
            raise StorageError(str(error)) from error

    def _keys_below(self, folder: str) -> Iterator[str]:
        """Yield the keys in a folder, at any depth; what no object is named as is left out."""
        try:
            with folder_at(self._root, _place(folder) if folder else [OBJECTS]) as opened:
                yield from filter(is_portable, _walk(opened, f"{folder}/" if folder else ""))
        except OSError as error:
            if error.errno not in ABSENT:
                raise

    def _describe(self, keys: Sequence[str]) -> list[Listed]:
        found = map(self._listed, keys)
        return [listed for listed in found if listed is not None]

    def _listed(self, key: str) -> Listed | None:
        """Return a file as it is listed, or None if it is gone, no object, or cannot be read.

        Raises OSError where the system is short of something.
        """
        try:
            fd = self._open_object(key)
            try:
                info, size = read_trailer(fd)
            finally:
                os.close(fd)
        except DamagedObject:
            return Listed(key, None)
        except OSError as error:
            if error.errno in ABSENT:
                return None
            if error.errno in _SHORTAGES:
                raise
            self.note_damage(key, str(error))
            return None
        if portable_key(info.key) != portable_key(key):
            return Listed(key, None)
        return Listed(key, info, size)


def _place(key: str) -> list[str]:
    """Return the names that lead from the root to an object. Raises InvalidKey."""
    return [OBJECTS, *portable_key(key).split("/")]


def _other_key(found: str, key: str) -> ObjectNotFound:
    """Return the error for a file that holds another object than `key`."""
    if found.casefold() == key.casefold():
        # On a case-insensitive file system two keys can share a file.
        return ObjectNotFound(key)
    return DamagedObject("damaged object file: it is named as another object")


def _walk(folder: Folder, prefix: str) -> Iterator[str]:
    """Yield the keys that the paths of all files stand for."""
    for name, is_folder in folder.contents():
        if not is_folder:
            yield prefix + name
            continue
        try:
            below = folder.below(name)
        except OSError as error:
            if error.errno not in ABSENT:
                raise
            continue
        with below:
            yield from _walk(below, f"{prefix}{name}/")


def _next_of(keys: Iterator[str]) -> list[str]:
    return list(itertools.islice(keys, LIST_BATCH))


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
