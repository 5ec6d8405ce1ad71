"""An index of uploaded files by world, for requests about a world rather than about one file.

The index is lazy: the first query scans the storage, and from then on each upload to this server
is added as it is stored.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import NamedTuple

from fake_apimart_storage import DamagedObject, ObjectNotFound, Storage, StoredObject

from fake_apimart.common.waits import pausing
from fake_apimart.contract import file_url
from fake_apimart.files.stored_file import StoredFile

_Keys = defaultdict[str, dict[str, None]]


class _ScannedFile(NamedTuple):
    """What sorting needs of a file; a whole ObjectInfo takes ten times the memory."""

    created_at: int
    key: str
    world: str


class FileIndex:
    """Keys of uploaded files by world, oldest upload first."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._keys: _Keys | None = None
        self._arriving: list[tuple[str, str]] | None = None
        """What is stored while the storage is scanned, by world and key."""
        self._scan_lock = asyncio.Lock()

    def add(self, world: str, key: str) -> None:
        """Add a file that has been stored."""
        if self._keys is not None:
            self._keys[world][key] = None
        elif self._arriving is not None:
            self._arriving.append((world, key))

    async def files_of(self, world: str) -> list[StoredObject]:
        """Return a world's files that are still in the storage, all closed. Raises StorageError.

        What is damaged is left out.
        """
        keys = (await self._load()).get(world, {})
        files = []
        async for key in pausing(tuple(keys)):
            try:
                stored = await self._storage.get(key, with_bytes=False)
                await stored.close()
                StoredFile.from_info(stored.info)
            except ObjectNotFound:
                keys.pop(key, None)
            else:
                files.append(stored)
        return files

    async def delete_files(self, world: str) -> None:
        """Delete a world's files. Raises StorageError; the index then has those that are left."""
        keys = (await self._load()).get(world, {})
        async for key in pausing(tuple(keys)):
            await self._storage.delete(key)
            keys.pop(key, None)

    def clear(self) -> None:
        """Drop the index; the next query scans the storage again."""
        self._keys = self._arriving = None

    async def _load(self) -> _Keys:
        async with self._scan_lock:
            if self._keys is not None:
                return self._keys
            arriving = self._arriving = []
            try:
                keys = await self._scanned()
            except BaseException:
                self._arriving = None
                raise
            # Behind those that the scan found, since they are the newest.
            for world, key in arriving:
                keys[world][key] = None
            if self._arriving is arriving:
                # The index was not dropped meanwhile.
                self._keys = keys
                self._arriving = None
            return keys

    async def _scanned(self) -> _Keys:
        """Return the files in the storage, in order, with pauses for other tasks."""
        by_world: defaultdict[str, list[_ScannedFile]] = defaultdict(list)
        async for each in self._scan():
            by_world[each.world].append(each)
        keys: _Keys = defaultdict(dict)
        for world, files in by_world.items():
            # The storage's times are whole seconds; within one, the countdown in the key decides.
            files.sort(key=lambda each: each.key, reverse=True)
            files.sort(key=lambda each: each.created_at)
            keys[world] = dict.fromkeys(each.key for each in files)
            await asyncio.sleep(0)
        return keys

    async def _scan(self) -> AsyncIterator[_ScannedFile]:
        async for info in pausing(self._storage.entries(file_url.KEY_PREFIX)):
            try:
                file = StoredFile.from_info(info)
            except DamagedObject:
                continue
            if file.name is not None:
                # Many files share few worlds: intern the name to save memory.
                yield _ScannedFile(info.created_at, info.key, sys.intern(file.world))
