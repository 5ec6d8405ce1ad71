"""The worlds of a server: created on first use, evicted in LRU order, begun anew by a reset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fake_apimart.common.clock import Clock
from fake_apimart.settings.settings import Settings
from fake_apimart.worlds import magic_keys
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.kept import KeptAnswer
from fake_apimart.worlds.magic_keys import ORDINARY
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.state.rules import Met
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import SERVER, World, name_of


class Worlds:
    """Finds and creates worlds. Without `control_enabled` there are no journals or magic keys.

    What waits raises StateError and StorageError.
    """

    def __init__(
        self, settings: Settings, state: State, clock: Clock, *, control_enabled: bool
    ) -> None:
        self.state = state
        self._pool = state.pool
        self._clock = clock
        self._defaults = WorldSettings.of(settings)
        self._control_enabled = control_enabled
        self._create_server()

    def _create_server(self) -> None:
        world = self.state.create(SERVER, self._clock, self._defaults)
        world.apply_magic(ORDINARY)
        self._pool.add(world)

    async def open(self) -> None:
        """Load the state of the server's own world."""
        await self.state.refresh(self.server)

    @property
    def server(self) -> World:
        """The server's own world, which the others take their clock and their settings from."""
        return self._pool.server

    def __iter__(self) -> Iterator[World]:
        """Iterate over the worlds in memory, except the server's own, least recently used first."""
        return iter(self._pool)

    def __len__(self) -> int:
        return len(self._pool)

    async def by_key(self, api_key: str) -> World:
        """Return the world of a key, up to date."""
        return await self.up_to_date(self.of_key(api_key))

    async def by_name(self, name: str) -> World:
        """Return the world with this name, up to date."""
        return await self.up_to_date(self.of_name(name))

    def of_key(self, api_key: str) -> World:
        """Return the world of a key as this server last knew it.

        This suffices for the journal entry of a refused request, and to enter it.
        """
        world = self.of_name(name_of(api_key))
        if world.magic is None:
            world.apply_magic(magic_keys.magic_of(api_key) if self._control_enabled else ORDINARY)
        return world

    def of_name(self, name: str) -> World:
        """Return the world with this name as this server last knew it."""
        return self._pool.find(name) or self._create(name)

    def _create(self, name: str) -> World:
        world = self.state.create(name, self.server.clock, self.server)
        evicted = self._pool.add(world)
        if evicted is not None:
            self.state.let_go(evicted)
        return world

    async def up_to_date(self, world: World) -> World:
        """Bring a world up to date; return the one that has replaced it, where it is gone."""
        await self.state.refresh(world)
        while world.gone:
            world = self._successor(world)
            await self.state.refresh(world)
        return world

    async def enter(
        self, world: World, operation: str, *, is_refused: bool = False
    ) -> tuple[World, Met]:
        """Return the world that a request for `operation` is in, up to date, and its rule.

        One that `is_refused` meets the rules of the whole server alone.
        """
        met = await self.state.enter(world, operation, is_refused=is_refused)
        while world.gone:
            world = self._successor(world)
            met = await self.state.enter(world, operation, is_refused=is_refused)
        return world, met

    def _successor(self, world: World) -> World:
        """Return the world that has replaced one, which is gone by the doing of any server."""
        if self.server.gone:
            self._remove([*self, self.server])
            self._create_server()
        self._pool.remove(world)
        successor = self.of_name(world.name)
        successor.used_ns = max(successor.used_ns, world.used_ns)
        if successor.magic is None and world.magic is not None:
            successor.apply_magic(world.magic)
        return successor

    def _remove(self, worlds: Sequence[World]) -> None:
        for world in worlds:
            world.gone = True
            self._pool.remove(world)

    async def record(
        self,
        world: World,
        entry: Entry,
        status: int | None = None,
        error: str | None = None,
        answer: KeptAnswer | None = None,
    ) -> None:
        """Add a request to its world's journal; call before the answer is sent.

        An entry that is there already, since its answer was delayed, is completed.
        """
        if not self._control_enabled or world.gone:
            await self.state.settle(world)
            return
        if entry.status is not None:
            return
        entry.status, entry.error, entry.answer = status, error, answer
        entry.duration_ns = self._clock.time_ns() - entry.started_ns
        if not entry.id:
            entry.time_ns = world.clock.time_ns()
        await self.state.journals.record(world, entry)

    async def replace(self, world: World) -> list[World]:
        """Begin a world anew, and return it for `end` or `put_back`, which must follow.

        Where another server has done so at the same time there is nothing to end.
        """
        return await self._replace([world])

    async def replace_all(self) -> list[World]:
        """Begin all worlds anew, the server's own too, as `replace` does one."""
        gone = await self._replace([*self, self.server])
        await self.open()
        return gone

    async def _replace(self, worlds: list[World]) -> list[World]:
        is_first = await self.state.replace(worlds)
        self._remove(worlds)
        if self.server.gone:
            self._create_server()
        return worlds if is_first else []

    async def put_back(self, gone: Sequence[World]) -> None:
        """Undo `replace` or `replace_all`; worlds that came meanwhile give way to those before."""
        if any(world.name == SERVER for world in gone):
            for each in self:
                self._pool.remove(each)
                self.state.let_go(each)
            self.state.let_go(self.server)
        await self.state.put_back(gone)
        for world in gone:
            present = self._pool.find(world.name)
            if present is not None and present is not world:
                self._pool.remove(present)
                self.state.let_go(present)
            self._pool.add(world)
            world.gone = False

    async def drop_idle(self, world: World) -> None:
        """Remove a world of which nothing is known; it is created anew when its key is used."""
        if world.gone or world.running or world.state():
            return
        if any(rule.bytes for rule in await self.state.rules.of(world)):
            return
        if (await self.state.journals.size(world)).entries:
            return
        if not world.gone and not world.running:
            self._pool.remove(world)
            self.state.let_go(world)
            await self.state.drop(world)
