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
from fake_apimart.common.waits import pausing
from fake_apimart.state.memory.journals import MemoryJournals
from fake_apimart.state.memory.rules import MemoryRules
from fake_apimart.state.memory.saved_states import SavedStates
from fake_apimart.state.memory.world import MemoryWorld, held
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.state.rules import Met, Undecided, Verdicts
from fake_apimart.worlds.state.state import Seen, State
from fake_apimart.worlds.world import HAS_TASKS, SERVER, World


class MemoryState(State):
    """What one server knows of the worlds in its pool."""

    is_shared = False
    journals: MemoryJournals

    def __init__(self, storage: Storage, clock: Clock) -> None:
        super().__init__()
        self.rules = MemoryRules(self.pool)
        self.journals = MemoryJournals(self.pool)
        self._saved = SavedStates(storage, clock)
        self._clock = clock
        self._save_lock = asyncio.Lock()
        self._replaced: set[str] = set()
        """Names of worlds whose stored state is still to be deleted; the server's stands for all.
        """

    async def check(self) -> None:
        """Do nothing: memory is always there."""

    async def close(self) -> None:
        await self._saved.close()

    def create(self, name: str, clock: Clock, base: WorldSettings | World) -> MemoryWorld:
        world = MemoryWorld(name, clock, base)
        world.is_restored = not self._replaced.isdisjoint((name, SERVER))
        return world

    async def refresh(self, world: World) -> None:
        """Load the persisted state of a world, once."""
        known = held(world)
        if known.is_restored:
            return
        saved = await self._saved.read(world.name)
        # A concurrent request may have restored it while this one was reading.
        if not known.is_restored:
            known.is_restored = True
            if saved is not None:
                world.restore(saved)

    async def enter(self, world: World, operation: str, *, is_refused: bool = False) -> Met:
        if not is_refused and world is not self.pool.server:
            await self.refresh(world)
        if world.gone:
            return None
        return _first(self._owners(world, is_refused=is_refused), operation, 0, {}, is_refused)

    async def meet(self, world: World, undecided: Undecided, verdicts: Verdicts) -> Met:
        if world.gone:
            return None
        owners = self._owners(world, is_refused=undecided.is_refused)
        if undecided.owner == SERVER:
            owners = owners[-1:]
        start = undecided.conditions[0][0]
        return _first(owners, undecided.operation, start, verdicts, undecided.is_refused)

    def _owners(self, world: World, *, is_refused: bool) -> Sequence[MemoryWorld]:
        """Return the worlds whose rules a request in `world` meets, in their order."""
        server = held(self.pool.server)
        return (server,) if is_refused or world is server else (held(world), server)

    async def change(self, world: World, apply: Callable[[], None]) -> None:
        """Change what a world remembers, and persist that, or take it back."""
        world.used_ns = self._clock.time_ns()
        async with self._save_lock:
            before = world.remembered()
            try:
                apply()
                await self._save(world, world.state(), durable=True)
            except BaseException as error:
                world.recall(before)
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

    async def latest(self, limit: int) -> list[tuple[str, int]]:
        # Of those that were used at the same instant, the pool knows the later one.
        worlds = [*self.pool]
        worlds.reverse()
        worlds.sort(key=_use, reverse=True)
        return [(world.name, world.used_ns) for world in worlds[:limit]]

    async def names(self, beginning: str) -> set[str]:
        if beginning != SERVER and self.pool.peek(beginning) is not None:
            return {beginning}
        found = {world.name for world in self.pool if world.name.startswith(beginning)}
        return found.union(await self._saved.names(beginning))

    async def seen(self, names: Sequence[str]) -> list[Seen]:
        known = {name: self.pool.peek(name) for name in names}
        unread = [name for name, world in known.items() if not _is_restored(world)]
        labels = {}
        async for name, saved in self._saved.read_all(unread):
            labels[name] = saved.label if saved else ""
        return [
            Seen(
                name,
                labels.get(name, world.label if world else ""),
                len(held(world).journal.entries) if world else 0,
            )
            async for name, world in pausing(known.items())
        ]

    async def drop(self, world: World) -> None:
        pass

    def let_go(self, world: World) -> None:
        self.journals.let_go([world])
        held(world).journal.clear()

    async def take(self, world: World, rate: str) -> int:
        return held(world).take(rate)

    async def settle(self, world: World) -> None:
        pass

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

    async def replace(self, worlds: Sequence[World]) -> bool:
        self.journals.let_go(worlds)
        self._replaced.update(world.name for world in worlds)
        return True

    async def put_back(self, worlds: Sequence[World]) -> None:
        self._replaced.difference_update(world.name for world in worlds)
        self.journals.take_back(worlds)

    async def end(self, worlds: Sequence[World]) -> None:
        if any(world.name == SERVER for world in worlds):
            await self._saved.delete_all(self._has_state)
        else:
            for world in worlds:
                if not self._has_state(world.name):
                    await self._saved.delete(world.name, durable=True)
        self._replaced.difference_update(world.name for world in worlds)
        self.journals.end(worlds)

    def _has_state(self, name: str) -> bool:
        """Return whether the world that has this name by now has state that is stored."""
        world = self.pool.find(name)
        return world is not None and bool(world.state())


def _use(world: World) -> int:
    return world.used_ns


def _is_restored(world: World | None) -> bool:
    """Return whether the stored state of a world has been loaded."""
    return world is not None and held(world).is_restored


def _first(
    owners: Sequence[MemoryWorld],
    operation: str,
    start: int,
    verdicts: Verdicts,
    is_refused: bool,
) -> Met:
    """Reserve the first rule of `owners` that a request meets, in the first from an id on."""
    for position, owner in enumerate(owners):
        if not owner.rules.all:
            continue
        met = owner.rules.meet(operation, start if position == 0 else 0, verdicts)
        if isinstance(met, Rule):
            found = [*owner.rules.conditions(operation, met.id)]
            for later in owners[position + 1 :]:
                found += later.rules.conditions(operation, 0)
            return Undecided(operation, owner.name, found, is_refused)
        if met is not None:
            return met
    return None
