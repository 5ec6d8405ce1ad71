"""The worlds that a server has in its memory, least recently used first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from fake_apimart.worlds.world import SERVER, World

MAX_WORLDS = 10_000
"""Worlds in memory, without the server's own."""


class Pool:
    """Worlds by name. `server` is the server's own, which is none of those that are iterated."""

    server: World

    def __init__(self) -> None:
        self._worlds: OrderedDict[str, World] = OrderedDict()

    def __iter__(self) -> Iterator[World]:
        return iter(list(self._worlds.values()))

    def __len__(self) -> int:
        return len(self._worlds)

    def find(self, name: str) -> World | None:
        """Return the world of a name, the server's own too, which counts as used; or None."""
        world = self._worlds.get(name)
        if world is not None:
            self._worlds.move_to_end(name)
            return world
        return self.server if name == SERVER else None

    def peek(self, name: str) -> World | None:
        """Return the world of a name, which does not count as used; or None."""
        return self.server if name == SERVER else self._worlds.get(name)

    def add(self, world: World) -> World | None:
        """Add a world, in place of one of its name, and return one that has no room any more.

        That is the least recently used one that has no request in flight.
        """
        if world.name == SERVER:
            self.server = world
            return None
        self._worlds[world.name] = world
        if len(self._worlds) <= MAX_WORLDS:
            return None
        idle = next((each for each in self._worlds.values() if not each.running), None)
        if idle is not None:
            del self._worlds[idle.name]
        return idle

    def remove(self, world: World) -> None:
        """Remove a world, if it is there, and not the server's own."""
        if self._worlds.get(world.name) is world:
            del self._worlds[world.name]
