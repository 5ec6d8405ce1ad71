"""The rules of the worlds of one server."""

from __future__ import annotations

from collections.abc import Sequence

from fake_apimart.common.held_bytes import held_bytes
from fake_apimart.common.waits import pausing
from fake_apimart.state.memory.world import all_of, held
from fake_apimart.worlds import faults
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.pool import Pool
from fake_apimart.worlds.state.rules import NoRoom, Rules
from fake_apimart.worlds.world import World


class MemoryRules(Rules):
    """The rules of the worlds in a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, world: World) -> Sequence[Rule]:
        return held(world).rules.all

    async def add(self, world: World, rule: Rule) -> None:
        rules = held(world).rules
        if len(rules.all) >= faults.MAX_RULES:
            raise NoRoom(f"there are {faults.MAX_RULES} rules already")
        rule.bytes = held_bytes(rule)
        others = sum(each.rules.bytes for each in all_of(self._pool) if each.rules.all)
        if others + rule.bytes > faults.MAX_BYTES:
            raise NoRoom(f"the rules of all worlds take {faults.MAX_BYTES} bytes at the most")
        rules.add(rule)

    async def remove(self, world: World, rule_id: int) -> bool:
        return held(world).rules.remove(rule_id)

    async def clear(self, world: World | None) -> None:
        async for each in pausing(all_of(self._pool, world)):
            each.rules.clear()
