"""The journals of worlds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from fake_apimart.worlds.entry import Entry, Includes, Journaled
from fake_apimart.worlds.watches import Watch
from fake_apimart.worlds.world import World


class JournalSize(NamedTuple):
    """How much a journal holds: entries, and their estimated bytes."""

    entries: int
    bytes: int


class Journals(ABC):
    """The journals of all worlds. Every method raises StateError."""

    @abstractmethod
    async def record(self, world: World, entry: Entry) -> None:
        """Add an entry to the journal of a world, or complete it, unless the world is gone."""

    @abstractmethod
    async def entries(
        self, world: World | None, includes: Includes, since: int = 0
    ) -> list[Journaled]:
        """Return the entries of a world, or of all, that are looked for, oldest first.

        Those alone with a greater id than `since`, which is quicker than to look at all. One whose
        answer is delayed is recorded at once, and changes when it is answered; its id stays.
        """

    @abstractmethod
    async def size(self, world: World) -> JournalSize:
        """Return how much the journal of a world holds."""

    @abstractmethod
    async def clear(self, world: World | None) -> None:
        """Remove the entries of a world, or of all worlds."""

    @abstractmethod
    def watching(
        self, world: World | None, operation: str | None, includes: Includes
    ) -> AbstractAsyncContextManager[Watch]:
        """Watch for entries of an `operation` in a `world` while the block runs; None for all."""
