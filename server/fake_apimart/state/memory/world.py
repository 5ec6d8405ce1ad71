"""A world with all that one server holds of it."""

from __future__ import annotations

from fake_apimart.common.clock import Clock
from fake_apimart.common.rates import RateLimit
from fake_apimart.state.memory.journal import Journal
from fake_apimart.state.memory.rule_list import RuleList
from fake_apimart.worlds.magic_keys import Magic
from fake_apimart.worlds.pool import Pool
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.world import World


class MemoryWorld(World):
    """A world with its rules, its journal and its rate.

    `is_restored` says whether the stored state has been loaded.
    """

    __slots__ = ("_rate_limit", "is_restored", "journal", "rules")

    def __init__(self, name: str, clock: Clock, base: WorldSettings | World) -> None:
        super().__init__(name, clock, base)
        self.rules = RuleList()
        self.journal = Journal()
        self.is_restored = False
        self._rate_limit: RateLimit | None = None

    def apply_magic(self, magic: Magic) -> None:
        super().apply_magic(magic)
        if magic.rules:
            self.rules.add_permanent(self.permanent_rules())

    def take(self, rate: str) -> int:
        """Count a request, as State.take says; another rate begins anew."""
        if self._rate_limit is None or self._rate_limit.rate != rate:
            self._rate_limit = RateLimit(rate)
        return self._rate_limit.take(self.clock.time_ns())


def held(world: World) -> MemoryWorld:
    """Return a world with all that this server holds of it."""
    assert isinstance(world, MemoryWorld)
    return world


def all_of(pool: Pool, world: World | None = None) -> list[MemoryWorld]:
    """Return a world alone, or all of a pool: the server's own, then the longest unused ones."""
    worlds = [pool.server, *pool] if world is None else [world]
    return [held(each) for each in worlds]
