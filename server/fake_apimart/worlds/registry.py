"""All worlds of a server: each comes into being on first use, and the longest idle go first.

What a world was told about its clock and settings lies in the storage, so that neither this nor a
restart brings dead files back to life. Its rules and its journal are in memory alone.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterator

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock
from fake_apimart.common.settings import Settings
from fake_apimart.common.stored_json import read_json, write_json
from fake_apimart.common.waits import wait_for_event
from fake_apimart.worlds import journal, magic_keys
from fake_apimart.worlds.journal import Entry
from fake_apimart.worlds.magic_keys import ORDINARY
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.world import World, name_of

MOST_WORLDS = 10_000
WORLD_PREFIX = "world/"
LIFE_SECONDS = 3650 * 86_400
"""As long as files can live at the most."""
SERVER = "server"
"""The name of the server's own world, which is no hash."""


class Worlds:
    """Finds and makes worlds. With `watched` off, nothing about requests is kept."""

    def __init__(
        self, settings: Settings, storage: Storage, clock: Clock, *, watched: bool
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._defaults = WorldSettings.of(settings)
        self._watched = watched
        self._worlds: OrderedDict[str, World] = OrderedDict()
        self._journal_bytes = 0
        self._recorded = asyncio.Event()
        self._awaited = 0
        self._saving = asyncio.Lock()
        self.server = self._new_server()

    def _new_server(self) -> World:
        world = World(SERVER, self._clock, self._defaults)
        world.magic = ORDINARY
        return world

    async def open(self) -> None:
        """Take up what the server's own world was told. Raises StorageError."""
        await self._restore(self.server)

    def __iter__(self) -> Iterator[World]:
        """Every world in memory but the server's own, the longest idle first."""
        return iter(list(self._worlds.values()))

    def __len__(self) -> int:
        return len(self._worlds)

    async def of_key(self, api_key: str) -> World:
        """Return the world of a key. Raises StorageError."""
        world = self.unrestored(api_key)
        await self._restore(world)
        return world

    def unrestored(self, api_key: str) -> World:
        """Return the world of a key without reading from the storage what it was told.

        That is enough for the journal of a request that is refused, and for nothing else.
        """
        world = self._find(name_of(api_key))
        if world.magic is None:
            world.begin_with(magic_keys.magic_of(api_key) if self._watched else ORDINARY)
        return world

    async def named(self, name: str) -> World:
        """Return the world of this name. Raises StorageError."""
        world = self._find(name)
        await self._restore(world)
        return world

    def _find(self, name: str) -> World:
        world = self._worlds.get(name)
        if world is None:
            world = self._worlds[name] = self._new(name)
            self._evict()
        else:
            self._worlds.move_to_end(name)
        return world

    def _new(self, name: str) -> World:
        return World(name, self.server.clock, self.server)

    async def _restore(self, world: World) -> None:
        """Let a world take up what is kept of it, once. Raises StorageError."""
        if world.is_restored:
            return
        text = await read_json(self._storage, _key(world.name), self._clock.time_ns())
        # Of two who came at the same time, the first has done it.
        if not world.is_restored:
            world.is_restored = True
            if text is not None:
                world.restore(text)

    def _evict(self) -> None:
        """Forget the longest idle world beyond the bound, but none that has a request running."""
        if len(self._worlds) > MOST_WORLDS:
            idle = next((each for each in self._worlds.values() if not each.running), None)
            if idle is not None:
                del self._worlds[idle.name]
                self._journal_bytes -= idle.journal.clear()

    def record(
        self, world: World, entry: Entry, status: int | None = None, error: str | None = None
    ) -> None:
        """Put a request into its world's journal, once; must be done before its answer leaves.

        The entries that lie longest in any world make room for it.
        """
        if not self._watched or world.gone or entry.id:
            return
        entry.status, entry.error = status, error
        entry.time_ns = world.clock.time_ns()
        entry.duration_ns = self._clock.time_ns() - entry.begun_ns
        self._journal_bytes += world.journal.add(entry)
        if self._awaited:
            self._recorded.set()
        if self._journal_bytes > journal.MOST_BYTES:
            self._make_room(world)

    async def changed(self, stopping: asyncio.Event) -> None:
        """Wait for the next entry in any journal, or for a world to go, or until `stopping`."""
        self._recorded.clear()
        self._awaited += 1
        try:
            await wait_for_event(self._recorded.wait(), stopping)
        finally:
            self._awaited -= 1

    def _make_room(self, last: World) -> None:
        # More than is needed, so that it is not for every request to look through all worlds.
        target = journal.MOST_BYTES * 9 // 10
        for idle in [self.server, *self, last]:
            while idle.journal.entries and self._journal_bytes > target:
                self._journal_bytes -= idle.journal.drop_oldest()

    def clear_journal(self, world: World) -> None:
        """Forget what was asked of a world."""
        self._journal_bytes -= world.journal.clear()

    async def save(self, world: World) -> None:
        """Keep what a world was told. Raises StorageError."""
        key = _key(world.name)
        async with self._saving:
            state = world.state()
            if not state:
                await self._storage.delete(key)
                return
            text = json.dumps(state).encode()
            await write_json(self._storage, key, text, self._clock.time_ns(), LIFE_SECONDS)
            await world.discard_if_gone(self._storage, key)

    async def forget(self, name: str) -> None:
        """Delete what is kept of a world, unless a new one has been told something already.

        Raises StorageError.
        """
        new = self._worlds.get(name)
        if new is None or not new.state():
            await self._storage.delete(_key(name))

    def replace(self, world: World) -> World:
        """A new world in the place of `world`, which is gone from now on."""
        self.remove(world)
        if world is self.server:
            new = self.server = self._new_server()
            return new
        new = self._worlds[world.name] = self._new(world.name)
        new.is_restored = True
        if world.magic is not None:
            new.begin_with(world.magic)
        return new

    def remove(self, world: World) -> None:
        """Forget a world, which is gone from now on."""
        world.gone = True
        self._recorded.set()
        self._worlds.pop(world.name, None)
        self._journal_bytes -= world.journal.clear()

    def remove_all(self) -> None:
        """Forget every world; the server's own begins anew."""
        for world in self:
            self.remove(world)
        self.replace(self.server)


def _key(name: str) -> str:
    return f"{WORLD_PREFIX}{name}"
