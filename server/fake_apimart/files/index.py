"""Which files of the storage belong to a world, for requests about it rather than about one file.

What there is, the storage says each time, since other servers store and delete files too. To whom
a file belongs stands in its description alone; it never changes, and is read once.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Callable
from typing import NamedTuple

from fake_apimart_storage import DamagedObject, Listed, Storage

from fake_apimart.common.stored_json import own_keys
from fake_apimart.contract import file_url
from fake_apimart.files.stored_file import StoredFile

MAX_NOTED = 100_000
"""How many files are known before those that nobody has asked for are forgotten."""

_SCANNED = 0
"""The number of what this server has not stored itself."""


class _Owned(NamedTuple):
    """The world of a file, whether it is a result, and its place among what was stored here."""

    world: str
    is_result: bool
    number: int = _SCANNED


class FileIndex:
    """The worlds of files, by key."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._owned: dict[str, _Owned] = {}
        self._numbers = itertools.count(_SCANNED + 1)
        self._reading = asyncio.Lock()

    def add(self, world: str, key: str) -> None:
        """Note the world of an upload that has been stored."""
        if len(self._owned) >= MAX_NOTED:
            self._owned.clear()
        self._owned[key] = _Owned(sys.intern(world), False, next(self._numbers))

    async def files_of(self, world: str) -> list[Listed]:
        """Return the uploads of a world, oldest first. Raises StorageError.

        What is damaged is left out.
        """

        def is_upload(owned: _Owned) -> bool:
            return owned.world == world and not owned.is_result

        found = await self._current(world)
        keys = [key for key in self._keys_that(is_upload) if key not in found]
        async for listed in self._storage.described(keys):
            found[listed.key] = listed
        uploads = [
            listed
            for key, listed in found.items()
            if self._note(listed) and is_upload(self._owned[key])
        ]
        uploads.sort(key=lambda listed: listed.key, reverse=True)
        uploads.sort(key=self._age_of)
        return uploads

    def _age_of(self, listed: Listed) -> tuple[int, int]:
        """Return by what files are sorted that have their keys' order already, newest first.

        The storage's times are whole seconds. Within one, the countdown in the key decides, or the
        order in which this server has stored them: the clock of a world may stand still.
        """
        assert listed.info is not None
        return listed.info.created_at, self._owned[listed.key].number

    async def delete_files(self, world: str) -> None:
        """Delete a world's uploads and results. Raises StorageError; what is left is still ours."""
        await self._current(world)
        await self._storage.delete_many(self._keys_that(lambda owned: owned.world == world))

    def clear(self) -> None:
        """Forget all files; the next query reads their descriptions again."""
        self._owned.clear()

    def _keys_that(self, is_wanted: Callable[[_Owned], bool]) -> list[str]:
        return [key for key, owned in self._owned.items() if is_wanted(owned)]

    async def _current(self, world: str) -> dict[str, Listed]:
        """Learn what is in the storage now, and return what was read for that of a world's files.

        Several queries at once read a description only once. Raises StorageError.
        """
        async with self._reading:
            newest = next(self._numbers)
            keys = await own_keys(self._storage, file_url.KEY_PREFIX, file_url.OWN_KEY)
            self._forget_all_but(keys, newest)
            found: dict[str, Listed] = {}
            unknown = [key for key in keys if key not in self._owned]
            async for listed in self._storage.described(unknown):
                if self._note(listed) and self._owned[listed.key].world == world:
                    found[listed.key] = listed
            return found

    def _forget_all_but(self, keys: list[str], newest: int) -> None:
        """Forget what is gone; what was stored while the keys were listed may be missing there."""
        there = set(keys)
        self._owned = {
            key: owned
            for key, owned in self._owned.items()
            if key in there or owned.number > newest
        }

    def _note(self, listed: Listed) -> bool:
        """Note the world of a file; return False where it has none that can be read."""
        if listed.info is None:
            return False
        try:
            file = StoredFile.from_info(listed.info)
        except DamagedObject:
            return False
        owned = _Owned(sys.intern(file.world), file.name is None)
        # It may have been stored here meanwhile, whose place is known.
        self._owned.setdefault(listed.key, owned)
        return True
