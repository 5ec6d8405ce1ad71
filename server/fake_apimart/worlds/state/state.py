"""The state of worlds: clocks, settings, rates and resets, with their rules and journals.

A `World` is what a server knows of one in its memory; where servers share a state, it is as new as
the last call that named it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock
from fake_apimart.worlds.pool import Pool
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.state.journals import Journals
from fake_apimart.worlds.state.rules import Met, Rules, Undecided, Verdicts
from fake_apimart.worlds.world import World


class Seen(NamedTuple):
    """What is said of a world without entering it: its label, and its entries in the journal."""

    name: str
    label: str
    requests: int


class State(ABC):
    """What is known of worlds. Every method that waits raises StateError and StorageError.

    `is_shared` says whether other servers may change it. `pool` has the worlds that this server
    knows, which whoever calls adds and removes.
    """

    is_shared: bool
    rules: Rules
    journals: Journals

    def __init__(self) -> None:
        self.pool = Pool()

    @abstractmethod
    async def close(self) -> None:
        """End what goes on in the background."""

    @abstractmethod
    async def check(self) -> None:
        """Return where all is well. Raises StateError."""

    @abstractmethod
    def create(self, name: str, clock: Clock, base: WorldSettings | World) -> World:
        """Return a world as it is known at first: not yet up to date."""

    @abstractmethod
    async def refresh(self, world: World) -> None:
        """Bring a world up to date. It is `gone` after that where another server replaced it."""

    @abstractmethod
    async def enter(self, world: World, operation: str, *, is_refused: bool = False) -> Met:
        """Bring a world up to date, and reserve the rule that a request for `operation` meets.

        Its own rules come before the server's. A request that `is_refused`, whatever its world is,
        meets those of the server alone, and the storage is not asked. Where `world` is gone nothing
        is reserved. The first rule with conditions that may be met leaves the request undecided.
        """

    @abstractmethod
    async def meet(self, world: World, undecided: Undecided, verdicts: Verdicts) -> Met:
        """Go on where `undecided` stopped, and reserve the rule that the request meets.

        A rule with conditions that `verdicts` say nothing of leaves it undecided again.
        """

    @abstractmethod
    async def change(self, world: World, apply: Callable[[], None]) -> None:
        """Change what a world remembers by `apply`, for good.

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
    async def latest(self, limit: int) -> list[tuple[str, int]]:
        """Return the names of the worlds in use, at most `limit`, the last used first.

        With each, when that was: Unix nanoseconds of real time, 0 where it was not used at all. The
        server's own world is not among them.
        """

    @abstractmethod
    async def names(self, beginning: str) -> set[str]:
        """Return the names that begin so of all worlds in use or saved, but the server's own."""

    @abstractmethod
    async def seen(self, names: Sequence[str]) -> list[Seen]:
        """Return what is said of each of these worlds, in their order; of unknown ones nothing."""

    @abstractmethod
    async def drop(self, world: World) -> None:
        """Have a world of which nothing is left in use no more, until it is entered again."""

    @abstractmethod
    def let_go(self, world: World) -> None:
        """Hold nothing more in memory of a world that is not in the pool any more."""

    @abstractmethod
    async def take(self, world: World, rate: str) -> int:
        """Count a request at the world's time and return 0, or the seconds until one is allowed.

        A request over the limit is not counted.
        """

    @abstractmethod
    async def settle(self, world: World) -> None:
        """Do what goes along with the entry of a request, where none is recorded."""

    # Resets

    @abstractmethod
    def resetting(self, world: World | None) -> AbstractAsyncContextManager[None]:
        """Let no results be kept in a world, or in any, while the block runs."""

    @abstractmethod
    async def replace(self, worlds: Sequence[World]) -> bool:
        """Begin `worlds` anew; all there are, where the server's own is one of them.

        `end` or `put_back` must follow. Return False where another server has done so before.
        """

    @abstractmethod
    async def put_back(self, worlds: Sequence[World]) -> None:
        """Undo `replace`."""

    @abstractmethod
    async def end(self, worlds: Sequence[World]) -> None:
        """Forget `worlds`, which were replaced, for good, and wake who waits for their entries.

        Where that fails, they can still be put back.
        """
