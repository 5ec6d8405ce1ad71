"""The worlds of a server: created on first use, evicted in LRU order.

The clock and the settings of a world are persisted in the storage, so that neither eviction nor a
restart revives expired files, and whether it has tasks. Its rules and its journal are in memory
alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from fake_apimart_storage import Storage, StorageError

from fake_apimart.common.clock import Clock
from fake_apimart.common.held_bytes import held_bytes
from fake_apimart.settings.settings import Settings
from fake_apimart.worlds import faults, journal, magic_keys
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.magic_keys import ORDINARY
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.states import States, key_of
from fake_apimart.worlds.watches import Watches
from fake_apimart.worlds.world import HAS_TASKS, SERVER, World, name_of

MAX_WORLDS = 10_000
"""Worlds in memory, without the server's own."""


class Worlds:
    """Finds and creates worlds. Without `control_enabled` there are no journals or magic keys."""

    def __init__(
        self, settings: Settings, storage: Storage, clock: Clock, *, control_enabled: bool
    ) -> None:
        self._storage = storage
        self._states = States(storage, clock)
        self._clock = clock
        self._defaults = WorldSettings.of(settings)
        self._control_enabled = control_enabled
        self._worlds: OrderedDict[str, World] = OrderedDict()
        self._journal_bytes = 0
        self.watches = Watches()
        self._save_lock = asyncio.Lock()
        self.server = self._create_server()

    def _create_server(self) -> World:
        world = World(SERVER, self._clock, self._defaults)
        world.magic = ORDINARY
        return world

    async def open(self) -> None:
        """Load the persisted state of the server's own world. Raises StorageError."""
        await self._restore(self.server)

    def __iter__(self) -> Iterator[World]:
        """Iterate over the worlds in memory, except the server's own, least recently used first."""
        return iter(list(self._worlds.values()))

    def __len__(self) -> int:
        return len(self._worlds)

    async def by_key(self, api_key: str) -> World:
        """Return the world of a key. Raises StorageError."""
        world = self.by_key_unrestored(api_key)
        await self._restore(world)
        return world

    def by_key_unrestored(self, api_key: str) -> World:
        """Return the world of a key without loading its persisted state.

        This suffices for the journal entry of a refused request, and for nothing else.
        """
        world = self._find(name_of(api_key))
        if world.magic is None:
            world.apply_magic(magic_keys.magic_of(api_key) if self._control_enabled else ORDINARY)
        return world

    async def by_name(self, name: str) -> World:
        """Return the world with this name. Raises StorageError."""
        world = self._find(name)
        await self._restore(world)
        return world

    def _find(self, name: str) -> World:
        world = self._worlds.get(name)
        if world is None:
            world = self._worlds[name] = self._create(name)
            self._evict()
        else:
            self._worlds.move_to_end(name)
        return world

    def _create(self, name: str) -> World:
        return World(name, self.server.clock, self.server)

    async def _restore(self, world: World) -> None:
        """Load the persisted state of a world, once. Raises StorageError."""
        if world.is_restored:
            return
        saved = await self._states.read(world.name)
        # A concurrent request may have restored it while this one was reading.
        if not world.is_restored:
            world.is_restored = True
            if saved is not None:
                world.restore(saved)

    def _evict(self) -> None:
        """Evict the least recently used world over the limit that has no request in flight."""
        if len(self._worlds) > MAX_WORLDS:
            idle = next((world for world in self._worlds.values() if not world.running), None)
            if idle is not None:
                del self._worlds[idle.name]
                self._journal_bytes -= idle.journal.clear()

    def record(
        self, world: World, entry: Entry, status: int | None = None, error: str | None = None
    ) -> None:
        """Add a request to its world's journal; call before the answer is sent.

        An entry that is there already, since its answer was delayed, is completed. If the journals
        together exceed their limit, entries of idle worlds are evicted first.
        """
        if not self._control_enabled or world.gone or entry.status is not None:
            return
        entry.status, entry.error = status, error
        entry.duration_ns = self._clock.time_ns() - entry.started_ns
        if not entry.id:
            entry.time_ns = world.clock.time_ns()
            self._journal_bytes += world.journal.add(entry)
        else:
            self._journal_bytes += world.journal.update(entry)
        self.watches.show(world, entry)
        if self._journal_bytes > journal.MAX_BYTES:
            self._trim_journals(world)

    def _trim_journals(self, last: World) -> None:
        """Evict entries: the server's first, then those of the longest idle worlds, last `last`."""
        # Free more than needed, so that not every request has to scan all worlds.
        target = journal.MAX_BYTES * 9 // 10
        for world in [self.server, *self, last]:
            while world.journal.entries and self._journal_bytes > target:
                self._journal_bytes -= world.journal.drop_oldest()

    def add_rule(self, world: World, rule: Rule) -> bool:
        """Add a rule to a world; return False if there is no room for it among those of all."""
        others = sum(each.faults.bytes for each in (self.server, *self) if each.faults.rules)
        rule.bytes = held_bytes(rule)
        if others + rule.bytes > faults.MAX_BYTES:
            return False
        world.faults.add(rule)
        return True

    def clear_journal(self, world: World) -> None:
        """Remove all entries of a world's journal."""
        freed = world.journal.clear()
        if not world.gone:
            self._journal_bytes -= freed

    async def note_tasks(self, world: World) -> None:
        """Persist that a world has tasks, before its first is stored. Raises StorageError.

        A world that is restored without this mark need not be searched for tasks.
        """
        if world.has_tasks:
            return
        async with self._save_lock:
            if not world.has_tasks:
                state = {**world.state(), HAS_TASKS: True}
                await self._save(world, state, durable=state.keys() != {HAS_TASKS})
                world.has_tasks = True

    async def change(self, world: World, apply: Callable[[], None]) -> None:
        """Change the clock or the settings of a world by `apply`, and persist that.

        Where it cannot be persisted, it is taken back. Raises StorageError, and what `apply` does.
        """
        async with self._save_lock:
            clock, overrides = world.clock.state, world.overrides
            try:
                apply()
                await self._save(world, world.state(), durable=True)
            except BaseException as error:
                world.clock.state, world.overrides = clock, overrides
                if isinstance(error, StorageError | asyncio.CancelledError):
                    self._states.settle(world.name, partial(self._save_again, world))
                raise

    async def _save_again(self, world: World) -> None:
        async with self._save_lock:
            await self._save(world, world.state(), durable=True)

    async def close(self) -> None:
        """End what goes on in the background."""
        await self._states.close()

    async def _save(self, world: World, state: Mapping[str, Any], *, durable: bool) -> None:
        """Persist the state of a world, unless it is gone. Raises StorageError.

        Settings and clocks, which are set rarely, outlive a power cut: they are `durable`.
        """
        if world.gone:
            return
        await self._states.write(world.name, state, durable=durable)
        await world.discard_if_gone(self._storage, key_of(world.name))

    async def forget(self, name: str) -> None:
        """Delete the persisted state of a replaced world, unless its successor has state by now.

        Raises StorageError.
        """
        if not self._has_state(name):
            await self._states.delete(name, durable=True)

    async def forget_all(self) -> None:
        """Delete the persisted states of all replaced worlds, as `forget` does, or of none.

        Raises StorageError.
        """
        await self._states.delete_all(self._has_state)

    def _has_state(self, name: str) -> bool:
        world = self.server if name == SERVER else self._worlds.get(name)
        return world is not None and bool(world.state())

    def replace(self, world: World) -> World:
        """Replace `world`, which is gone from then on, by a new one and return that.

        `end` or `put_back` must follow.
        """
        world.gone = True
        self._detach(world)
        new = self._worlds[world.name] = self._create(world.name)
        new.is_restored = True
        if world.magic is not None:
            new.apply_magic(world.magic)
        return new

    def replace_all(self) -> list[World]:
        """Remove every world, replace the server's own, and return those that are gone.

        `end` or `put_back` must follow.
        """
        gone = [*self, self.server]
        for world in gone:
            world.gone = True
            self._detach(world)
        self.server = self._create_server()
        return gone

    def put_back(self, gone: Iterable[World]) -> None:
        """Undo `replace` or `replace_all`; worlds that came meanwhile give way to those before."""
        for world in gone:
            if world.name == SERVER:
                for each in self:
                    self._detach(each)
                self._detach(self.server)
                self.server = world
        for world in gone:
            if world.name != SERVER:
                if world.name in self._worlds:
                    self._detach(self._worlds[world.name])
                self._worlds[world.name] = world
            world.gone = False
            self._journal_bytes += world.journal.bytes

    def _detach(self, world: World) -> None:
        """Find a world no longer, nor count its journal."""
        self._worlds.pop(world.name, None)
        self._journal_bytes -= world.journal.bytes

    def end(self, gone: Iterable[World]) -> None:
        """Let go of worlds that were replaced, and wake who waits for requests in them."""
        for world in gone:
            world.journal.clear()
            self.watches.end(world)

    def drop_idle(self, world: World) -> None:
        """Remove a world of which nothing is known; it is created anew when its key is used."""
        if not (world.gone or world.running or world.state() or _holds_something(world)):
            self._detach(world)


def _holds_something(world: World) -> bool:
    return bool(world.faults.bytes or world.journal.entries)
