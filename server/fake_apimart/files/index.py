"""Which files each world has uploaded, for those who ask about a world and not about a file.

Nothing is kept until somebody asks; then the storage is looked through once, and from there on
this server notes what it takes itself.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import NamedTuple

from fake_apimart_storage import ObjectNotFound, Storage, StoredObject

from fake_apimart.contract import file_url
from fake_apimart.files.stored_file import file_of


class _Found(NamedTuple):
    """What is kept of a file while all are put in order; whole descriptions would be ten times
    as large.
    """

    created_at: int
    key: str
    world: str


class FileIndex:
    """Keys of uploaded files by world, in the order in which they came."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._keys: defaultdict[str, dict[str, None]] | None = None
        self._scanning = asyncio.Lock()

    def add(self, world: str, key: str) -> None:
        """A file was stored."""
        if self._keys is not None:
            self._keys[world][key] = None

    async def of(self, world: str) -> list[StoredObject]:
        """The files of a world that the storage still has, all closed. Raises StorageError."""
        keys = (await self._scanned()).get(world, {})
        found = []
        for key in tuple(keys):
            try:
                stored = await self._storage.get(key, with_bytes=False)
            except ObjectNotFound:
                keys.pop(key, None)
            else:
                await stored.close()
                found.append(stored)
        return found

    async def take(self, world: str) -> list[str]:
        """The keys of a world's files, which are forgotten here. Raises StorageError."""
        return list((await self._scanned()).pop(world, {}))

    def clear(self) -> None:
        """Forget all; the storage will be looked through again."""
        self._keys = None

    async def _scanned(self) -> defaultdict[str, dict[str, None]]:
        async with self._scanning:
            if self._keys is not None:
                return self._keys
            keys = self._keys = defaultdict(dict)
            try:
                found = [each async for each in self._uploads()]
            except BaseException:
                self._keys = None
                raise
            # The digits in a key count down, and the storage's times are in seconds.
            found.sort(key=lambda each: each.key, reverse=True)
            found.sort(key=lambda each: each.created_at)
            for each in found:
                keys[each.world][each.key] = None
            return keys

    async def _uploads(self) -> AsyncIterator[_Found]:
        async for info in self._storage.entries(file_url.KEY_PREFIX):
            file = file_of(info)
            if file.name is not None:
                # Many files are of few worlds.
                yield _Found(info.created_at, info.key, sys.intern(file.world))
