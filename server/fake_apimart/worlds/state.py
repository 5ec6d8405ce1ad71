"""The state of all worlds, in the memory of one server or shared by several: its interface.

Clocks, settings and resets, rules, journals and rates. A `World` is what a server knows of one in
its memory; where servers share a state, it is as new as the last call that named it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock
from fake_apimart.worlds.entry import Entry, Includes, Journaled
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.pool import Pool
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.watches import Watch
from fake_apimart.worlds.world import World


class StateError(Exception):
    """The shared state cannot be reached, or answers nonsense; the message says how."""


class NoRoom(Exception):
    """There are as many rules as there may be; the message says which limit was met."""


class JournalSize(NamedTuple):
    """How much a journal holds: entries, and their estimated bytes."""

    entries: int
    bytes: int


class Reservation(ABC):
    """One use of a rule, held for one request; `count` or `give_back` ends it, once.

    One that is never ended, since its server died, is given back after a while.
    """

    __slots__ = ("rule",)

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    @abstractmethod
    def count(self) -> None:
        """Count the rule as used. Others see it with the entry of the request at the latest."""

    @abstractmethod
    async def give_back(self) -> None:
        """Let the next request have the use. Raises nothing."""


class State(ABC):
    """What is known of worlds. Every method that waits raises StateError and StorageError.

    `is_shared` says whether other servers may change it. `pool` has the worlds that this server
    knows, which whoever calls adds and removes.
    """

    is_shared: bool

    def __init__(self) -> None:
        self.pool = Pool()

    @abstractmethod
    async def close(self) -> None:
        """End what goes on in the background."""

    # Worlds

    @abstractmethod
    def create(self, name: str, clock: Clock, base: WorldSettings | World) -> World:
        """Return a world as it is known at first: not yet up to date."""

    @abstractmethod
    async def refresh(self, world: World) -> None:
        """Bring a world up to date. It is `gone` after that where another server replaced it."""

    @abstractmethod
    async def enter(
        self, world: World, operation: str, *, is_refused: bool = False
    ) -> Reservation | None:
        """Bring a world up to date, and reserve the rule that a request for `operation` meets.

        Its own rules come before the server's. A request that `is_refused`, whatever its world is,
        meets those of the server alone, and the storage is not asked. Where `world` is gone nothing
        is reserved.
        """

    @abstractmethod
    async def change(self, world: World, apply: Callable[[], None]) -> None:
        """Change the clock or the settings of a world by `apply`, for good.

        Where that fails, it is taken back. `apply` may be called again, on what another server has
        made of the world meanwhile. Raises what it raises, too.
        """

    @abstractmethod
    async def note_tasks(self, world: World) -> None:
        """Note that a world has tasks, before its first is stored."""

    @abstractmethod
    async def discard_if_gone(self, world: World, storage: Storage, key: str) -> None:
        """Delete `key`, which a request has just written, if the world was replaced meanwhile.

        Where a state is shared, that is found out with the entry of the request.
        """

    @abstractmethod
    async def count(self) -> int:
        """Return how many worlds there are, without the server's own."""

    @abstractmethod
    def let_go(self, world: World) -> None:
        """Hold nothing more in memory of a world that is not in the pool any more."""

    # Resets

    @abstractmethod
    def resetting(self, world: World | None) -> AbstractAsyncContextManager[None]:
        """Let no results be kept in a world, or in any, while the block runs."""

    @abstractmethod
    async def replace(self, worlds: Sequence[World]) -> None:
        """Begin `worlds` anew; all there are, where the server's own is one of them.

        `end` or `put_back` must follow.
        """

    @abstractmethod
    async def put_back(self, worlds: Sequence[World]) -> None:
        """Undo `replace`."""

    @abstractmethod
    async def end(self, worlds: Sequence[World]) -> None:
        """Forget `worlds`, which were replaced, for good, and wake who waits for their entries.

        Where that fails, they can still be put back.
        """

    # Rules

    @abstractmethod
    async def rules(self, world: World) -> Sequence[Rule]:
        """Return the rules of a world in the order in which they fire."""

    @abstractmethod
    async def add_rule(self, world: World, rule: Rule) -> None:
        """Add a rule as the last, and give it its id. Raises NoRoom."""

    @abstractmethod
    async def remove_rule(self, world: World, rule_id: int) -> bool:
        """Remove a rule; return False if there is none with this id."""

    @abstractmethod
    async def clear_rules(self, world: World | None) -> None:
        """Remove the rules of a world, or of all, but those that a key's name implies."""

    # Rates

    @abstractmethod
    async def take(self, world: World, rate: str) -> int:
        """Count a request at the world's time and return 0, or the seconds until one is allowed.

        A request over the limit is not counted.
        """

    # Journals

    @abstractmethod
    async def record(self, world: World, entry: Entry) -> None:
        """Add an entry to the journal of a world, or complete it, unless the world is gone."""

    @abstractmethod
    async def settle(self, world: World) -> None:
        """Do what else goes along with an entry, where no journal is kept."""

    @abstractmethod
    async def entries(self, world: World | None, includes: Includes) -> list[Journaled]:
        """Return the entries of a world, or of all, that are looked for, oldest first."""

    @abstractmethod
    async def journal_size(self, world: World) -> JournalSize:
        """Return how much the journal of a world holds."""

    @abstractmethod
    async def clear_journal(self, world: World | None) -> None:
        """Remove the entries of a world, or of all worlds."""

    @abstractmethod
    def watching(
        self, world: World | None, operation: str | None, includes: Includes
    ) -> AbstractAsyncContextManager[Watch]:
        """Watch for entries of an `operation` in a `world` while the block runs; None for all."""
