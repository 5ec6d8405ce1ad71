"""Who waits for requests: each is woken once as many have come as it waits for, and not before.

Each request is shown to those alone that wait for its operation in its world, or in all worlds.
What a request costs does not grow with those that wait for something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from fake_apimart.worlds.entry import Includes, Sought

Place = tuple[str | None, str | None]
"""The name of a world and an operation; None stands for all."""


class Watch:
    """A wait for entries that `includes` says are awaited.

    `place` is where they may be. `missing` is how many are still to come; `changed` is set when
    none is, or when the wait has lost its object.
    """

    __slots__ = ("_includes", "changed", "missing", "place")

    def __init__(self, place: Place, includes: Includes) -> None:
        self.place = place
        self.missing = 0
        self.changed = asyncio.Event()
        self._includes = includes

    def expect(self, missing: int) -> None:
        """Wait for `missing` entries, anew."""
        self.missing = missing
        self.changed.clear()

    def show(self, entry: Sought) -> None:
        """Count an entry that is new or has changed, if it is awaited."""
        if self._includes(entry):
            self.count(1)

    def count(self, number: int) -> None:
        """Count so many of the entries that are missing."""
        self.missing -= number
        if self.missing <= 0:
            self.changed.set()


class Watches:
    """All waits of a server, by their place."""

    def __init__(self) -> None:
        self._watches: dict[Place, set[Watch]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._watches.values()))

    @contextmanager
    def watching(
        self, world: str | None, operation: str | None, includes: Includes
    ) -> Iterator[Watch]:
        """Watch for entries of an `operation` in a `world` while the block runs; None for all."""
        watch = Watch((world, operation), includes)
        self._watches.setdefault(watch.place, set()).add(watch)
        try:
            yield watch
        finally:
            others = self._watches[watch.place]
            others.remove(watch)
            if not others:
                del self._watches[watch.place]

    def show(self, world: str, entry: Sought) -> None:
        """Show an entry, which is new or has changed, to those that may wait for it."""
        for place in _places(world, entry.operation) if self._watches else ():
            for watch in self._watches.get(place, ()):
                watch.show(entry)

    def wake(self, world: str | None = None) -> None:
        """Wake all that wait for entries of a world, or of any; by default all that wait."""
        for (watched, _), watches in self._watches.items():
            if world is None or watched in (world, None):
                for watch in watches:
                    watch.changed.set()


def _places(world: str, operation: str | None) -> Iterator[Place]:
    for where in (world, None):
        yield where, None
        if operation is not None:
            yield where, operation
