"""Which files of the storage belong to a world, for requests about it rather than about one file.

To whom a file belongs stands in its description alone; it never changes, and is read once. What
files there are, the storage says: at the first question, and where servers share their worlds, at
each one.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sys
from collections import defaultdict
from typing import NamedTuple

from fake_apimart_storage import DamagedObject, Listed, Storage

from fake_apimart.common.stored_json import own_keys
from fake_apimart.common.waits import pausing
from fake_apimart.contract import file_url
from fake_apimart.files.stored_file import StoredFile

MAX_NOTED = 100_000
"""How many files are noted as they are stored before anybody has asked for any."""

_FOUND = 0
"""The number of a file that this server has not stored itself."""


class _Known(NamedTuple):
    """What is known of a file: whether it is a result, and its place among what was stored here."""

    is_result: bool
    number: int = _FOUND


class Newest(NamedTuple):
    """The latest uploads, and how many there are."""

    uploads: list[Listed]
    total: int


class FileIndex:
    """The files of worlds, by key. Where `is_shared`, other servers store and delete files too."""

    def __init__(self, storage: Storage, *, is_shared: bool) -> None:
        self._storage = storage
        self._is_shared = is_shared
        self._worlds: defaultdict[str, dict[str, _Known]] = defaultdict(dict)
        self._is_complete = False
        self._numbers = itertools.count(_FOUND + 1)
        self._noted = 0
        self._reading = asyncio.Lock()

    def add(self, world: str, key: str, *, is_result: bool = False) -> None:
        """Note a file that has been stored."""
        if not self._is_complete:
            self._noted += 1
            if self._noted > MAX_NOTED:
                self.clear()
        self._worlds[world][key] = _Known(is_result, next(self._numbers))

    async def files_of(self, world: str) -> list[Listed]:
        """Return the uploads of a world, oldest first. Raises StorageError.

        What is damaged is left out.
        """
        found = await self._update(world)
        known = self._worlds.get(world, {})
        keys = [key for key, each in known.items() if not each.is_result and key not in found]
        async for listed in self._storage.described(keys):
            found[listed.key] = listed
        for key in keys:
            if key not in found:
                known.pop(key, None)
        uploads = [each for each in found.values() if self._note(each) == (world, False)]
        # Newest first, by the countdown in the key.
        uploads.sort(key=lambda listed: listed.key, reverse=True)
        uploads.sort(key=lambda listed: self._age_of(listed, world))
        return uploads

    async def newest(self, world: str | None, limit: int) -> Newest:
        """Return the latest uploads of a world, or of all, newest first. Raises StorageError.

        Of all others the description is not read.
        """
        await self._update(world or "")
        worlds = self._worlds if world is None else {world: self._worlds.get(world, {})}
        keys = [
            key
            async for _, files in pausing(list(worlds.items()))
            for key, known in files.items()
            if not known.is_result
        ]
        # More than are wanted, since some may be gone or damaged.
        latest = heapq.nlargest(2 * limit, keys, key=file_url.created_ms)
        found = {each.key: each async for each in self._storage.described(latest)}
        uploads = [found[key] for key in latest if key in found and self._note(found[key])]
        return Newest(uploads[:limit], len(keys))

    def _age_of(self, listed: Listed, world: str) -> tuple[int, int]:
        """Return by what files are sorted, oldest first.

        At the same instant, as where the server's clock stands still, it is the order in which this
        server has stored them, as far as it has.
        """
        assert listed.info is not None
        file = StoredFile.from_info(listed.info)
        return file.stored_ns, self._worlds[world][listed.key].number

    async def delete_files(self, world: str) -> None:
        """Delete a world's uploads and results. Raises StorageError; what is left is still its."""
        await self._update(world)
        known = self._worlds.get(world, {})
        keys = list(known)
        await self._storage.delete_many(keys)
        for key in keys:
            known.pop(key, None)
        if not self._worlds.get(world, True):
            del self._worlds[world]

    async def worlds(self) -> set[str]:
        """Return the names of all worlds that have files. Raises StorageError."""
        await self._update("")
        return {world for world, known in self._worlds.items() if known}

    def clear(self) -> None:
        """Forget all files; the next question asks the storage."""
        self._worlds.clear()
        self._is_complete = False
        self._noted = 0

    async def _update(self, world: str) -> dict[str, Listed]:
        """Learn what is in the storage, if that is not known; return what was read of a world.

        Several questions at once read a description only once. Raises StorageError.
        """
        found: dict[str, Listed] = {}
        async with self._reading:
            if self._is_complete and not self._is_shared:
                return found
            newest = next(self._numbers)
            keys = await own_keys(self._storage, file_url.KEY_PREFIX, file_url.OWN_KEY)
            self._forget_all_but(set(keys), newest)
            # What is stored from here on is noted, and what was dropped meanwhile is not complete.
            self._is_complete = True
            known = set(itertools.chain.from_iterable(self._worlds.values()))
            try:
                unknown = [key for key in keys if key not in known]
                async for listed in self._storage.described(unknown):
                    if self._note(listed) in ((world, False), (world, True)):
                        found[listed.key] = listed
            except BaseException:
                self._is_complete = False
                raise
        return found

    def _forget_all_but(self, there: set[str], newest: int) -> None:
        """Forget what is gone; what was stored while the keys were listed may be missing there."""
        for known in self._worlds.values():
            gone = [key for key, each in known.items() if key not in there and each.number < newest]
            for key in gone:
                del known[key]

    def _note(self, listed: Listed) -> tuple[str, bool] | None:
        """Note a file; return its world and whether it is a result, None where that is damaged."""
        if listed.info is None:
            return None
        try:
            file = StoredFile.from_info(listed.info)
        except DamagedObject:
            return None
        is_result = file.name is None
        # Many files share few worlds. A file that was stored here meanwhile has its place already.
        self._worlds[sys.intern(file.world)].setdefault(listed.key, _Known(is_result))
        return file.world, is_result
