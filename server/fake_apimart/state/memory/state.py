"""The state of the worlds of one server.

Clocks and settings outlive a restart in the storage, and whether there are tasks, so that neither
eviction nor a restart revives expired files. Rules, journals and rates are in memory alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from fake_apimart_storage import Storage, StorageError

from fake_apimart.common.clock import Clock
from fake_apimart.common.held_bytes import held_bytes
from fake_apimart.common.waits import HEAVY_BATCH, pausing
from fake_apimart.state.memory import journal
from fake_apimart.state.memory.saved_states import SavedStates
from fake_apimart.state.memory.world import MemoryWorld
from fake_apimart.worlds import faults
from fake_apimart.worlds.entry import Entry, Includes, Journaled
from fake_apimart.worlds.faults import MAX_RULES, Rule
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.state import JournalSize, NoRoom, Reservation, State
from fake_apimart.worlds.watches import Watch, Watches
from fake_apimart.worlds.world import HAS_TASKS, SERVER, World


class MemoryState(State):
    """What one server knows of the worlds in its pool."""

    is_shared = False

    def __init__(self, storage: Storage, clock: Clock) -> None:
        super().__init__()
        self._saved = SavedStates(storage, clock)
        self._watches = Watches()
        self._save_lock = asyncio.Lock()
        self._journal_bytes = 0
        self._replaced: set[str] = set()
        """Names of worlds whose stored state is still to be deleted; the server's stands for all.
        """

    async def close(self) -> None:
        await self._saved.close()

    def _all(self) -> list[MemoryWorld]:
        """Return all worlds: the server's own first, then those that were used longest ago."""
        return [_held(world) for world in (self.pool.server, *self.pool)]

    def _of(self, world: World | None) -> list[MemoryWorld]:
        return self._all() if world is None else [_held(world)]

    # Worlds

    def create(self, name: str, clock: Clock, base: WorldSettings | World) -> MemoryWorld:
        world = MemoryWorld(name, clock, base)
        world.is_restored = not self._replaced.isdisjoint((name, SERVER))
        return world

    async def refresh(self, world: World) -> None:
        """Load the persisted state of a world, once."""
        held = _held(world)
        if held.is_restored:
            return
        saved = await self._saved.read(world.name)
        # A concurrent request may have restored it while this one was reading.
        if not held.is_restored:
            held.is_restored = True
            if saved is not None:
                world.restore(saved)

    async def enter(
        self, world: World, operation: str, *, is_refused: bool = False
    ) -> Reservation | None:
        server = _held(self.pool.server)
        if is_refused or world is server:
            return None if world.gone else server.rules.reserve(operation)
        await self.refresh(world)
        if world.gone:
            return None
        return _held(world).rules.reserve(operation) or server.rules.reserve(operation)

    async def change(self, world: World, apply: Callable[[], None]) -> None:
        """Change the clock or the settings of a world, and persist that, or take it back."""
        async with self._save_lock:
            clock, overrides = world.clock.state, world.overrides
            try:
                apply()
                await self._save(world, world.state(), durable=True)
            except BaseException as error:
                world.clock.state, world.overrides = clock, overrides
                if isinstance(error, StorageError | asyncio.CancelledError):
                    self._saved.settle(world.name, partial(self._save_again, world))
                raise

    async def _save_again(self, world: World) -> None:
        async with self._save_lock:
            await self._save(world, world.state(), durable=True)

    async def _save(self, world: World, state: Mapping[str, Any], *, durable: bool) -> None:
        """Persist the state of a world, unless it is gone. Raises StorageError.

        Settings and clocks, which are set rarely, outlive a power cut: they are `durable`.
        """
        if world.gone:
            return
        await self._saved.write(world.name, state, durable=durable)
        await self._discard_saved_if_gone(world)

    async def _discard_saved_if_gone(self, world: World) -> None:
        if world.gone:
            await self._saved.delete(world.name, durable=False)

    async def note_tasks(self, world: World) -> None:
        """Persist it: a world that is restored without this mark need not be searched for tasks."""
        if world.has_tasks:
            return
        async with self._save_lock:
            if not world.has_tasks:
                state = {**world.state(), HAS_TASKS: True}
                await self._save(world, state, durable=state.keys() != {HAS_TASKS})
                world.has_tasks = True

    async def discard_if_gone(self, world: World, storage: Storage, key: str) -> None:
        if world.gone:
            await storage.delete(key)

    async def count(self) -> int:
        return len(self.pool)

    def let_go(self, world: World) -> None:
        self._journal_bytes -= _held(world).journal.clear()

    # Resets

    @contextlib.asynccontextmanager
    async def resetting(self, world: World | None) -> AsyncIterator[None]:
        """Keep no results, and let none of the worlds be evicted, while the block runs."""
        worlds = [*self.pool] if world is None else [world]
        for each in worlds:
            each.is_being_reset = True
            each.running += 1
        try:
            yield
        finally:
            for each in worlds:
                each.is_being_reset = False
                each.running -= 1

    async def replace(self, worlds: Sequence[World]) -> None:
        self._journal_bytes -= sum(_held(world).journal.bytes for world in worlds)
        self._replaced.update(world.name for world in worlds)

    async def put_back(self, worlds: Sequence[World]) -> None:
        self._replaced.difference_update(world.name for world in worlds)
        self._journal_bytes += sum(_held(world).journal.bytes for world in worlds)

    async def end(self, worlds: Sequence[World]) -> None:
        if any(world.name == SERVER for world in worlds):
            await self._saved.delete_all(self._has_state)
        else:
            for world in worlds:
                if not self._has_state(world.name):
                    await self._saved.delete(world.name, durable=True)
        self._replaced.difference_update(world.name for world in worlds)
        for world in worlds:
            _held(world).journal.clear()
            self._watches.wake(world.name)

    def _has_state(self, name: str) -> bool:
        """Return whether the world that has this name by now has state that is stored."""
        world = self.pool.find(name)
        return world is not None and bool(world.state())

    # Rules

    async def rules(self, world: World) -> Sequence[Rule]:
        return _held(world).rules.all

    async def add_rule(self, world: World, rule: Rule) -> None:
        rules = _held(world).rules
        if len(rules.all) >= MAX_RULES:
            raise NoRoom(f"there are {MAX_RULES} rules already")
        rule.bytes = held_bytes(rule)
        others = sum(each.rules.bytes for each in self._all() if each.rules.all)
        if others + rule.bytes > faults.MAX_BYTES:
            raise NoRoom(f"the rules of all worlds take {faults.MAX_BYTES} bytes at the most")
        rules.add(rule)

    async def remove_rule(self, world: World, rule_id: int) -> bool:
        return _held(world).rules.remove(rule_id)

    async def clear_rules(self, world: World | None) -> None:
        async for each in pausing(self._of(world)):
            each.rules.clear()

    # Rates

    async def take(self, world: World, rate: str) -> int:
        return _held(world).take(rate)

    # Journals

    async def record(self, world: World, entry: Entry) -> None:
        """Add or complete an entry.

        If the journals together exceed their limit, entries of idle worlds are evicted first.
        """
        if world.gone:
            return
        held = _held(world)
        if not entry.id:
            self._journal_bytes += held.journal.add(entry)
        else:
            self._journal_bytes += held.journal.update(entry)
        self._watches.show(world.name, entry)
        if self._journal_bytes > journal.MAX_BYTES:
            self._trim_journals(held)

    async def settle(self, world: World) -> None:
        pass

    def _trim_journals(self, last: MemoryWorld) -> None:
        """Evict entries: the server's first, then those of the longest idle worlds, last `last`."""
        # Free more than needed, so that not every request has to scan all worlds.
        target = journal.MAX_BYTES * 9 // 10
        for world in [*self._all(), last]:
            while world.journal.entries and self._journal_bytes > target:
                self._journal_bytes -= world.journal.drop_oldest()

    async def entries(self, world: World | None, includes: Includes) -> list[Journaled]:
        found: list[Journaled] = []
        async for each in pausing(self._of(world), HEAVY_BATCH):
            found += each.journal.matching(includes)
        found.sort(key=lambda entry: entry.id)
        return found

    async def journal_size(self, world: World) -> JournalSize:
        kept = _held(world).journal
        return JournalSize(len(kept.entries), kept.bytes)

    async def clear_journal(self, world: World | None) -> None:
        async for each in pausing(self._of(world)):
            freed = each.journal.clear()
            if not each.gone:
                self._journal_bytes -= freed

    @contextlib.asynccontextmanager
    async def watching(
        self, world: World | None, operation: str | None, includes: Includes
    ) -> AsyncIterator[Watch]:
        name = None if world is None else world.name
        with self._watches.watching(name, operation, includes) as watch:
            yield watch

    @property
    def waiting(self) -> int:
        """How many wait for entries."""
        return len(self._watches)


def _held(world: World) -> MemoryWorld:
    assert isinstance(world, MemoryWorld)
    return world
