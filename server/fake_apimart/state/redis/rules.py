"""The rules of worlds that several servers share, and the uses of them that requests hold."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from fake_apimart.common.held_bytes import held_bytes
from fake_apimart.state.redis.changes import Changes
from fake_apimart.state.redis.connection import Connection, names_of_worlds
from fake_apimart.state.redis.rule_text import body_of, conditions_of, rule_of
from fake_apimart.state.redis.world import known
from fake_apimart.worlds import faults
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.pool import Pool
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.state.rules import NoRoom, Reservation, Rules
from fake_apimart.worlds.world import World


class RedisReservation(Reservation):
    """A use of a rule of a world, its `owner`, which Redis holds for a request."""

    __slots__ = ("_changes", "_connection", "_held", "identity")

    def __init__(
        self,
        rule: Rule,
        identity: tuple[str, str, int, str],
        connection: Connection,
        changes: Changes,
        held: set[RedisReservation],
    ) -> None:
        super().__init__(rule)
        self.identity = identity
        self._connection = connection
        self._changes = changes
        self._held = held
        held.add(self)

    def count(self) -> None:
        self._held.discard(self)
        self._changes.fired.append(self.identity)

    async def give_back(self) -> None:
        self._held.discard(self)
        # Where Redis is away, it is given back when its time is over.
        with contextlib.suppress(StateError):
            await self._connection.run("release", *self.identity, "give_back")

    async def renew(self) -> None:
        """Hold it for longer. Raises StateError."""
        await self._connection.run("release", *self.identity, "renew")


class RedisRules(Rules):
    """The rules that Redis has; `pool` has the worlds that this server knows."""

    def __init__(self, connection: Connection, pool: Pool) -> None:
        self._run = connection.run
        self._pool = pool

    async def of(self, world: World) -> Sequence[Rule]:
        found = await self._run("rules_of", world.name, known(world).permanent)
        return [rule_of(*each) for each in found]

    async def add(self, world: World, rule: Rule) -> None:
        rule.bytes = held_bytes(rule)
        added = await self._run(
            "add_rule",
            world.name,
            known(world).token,
            rule.operation,
            "" if rule.times is None else rule.times,
            rule.after,
            rule.every,
            conditions_of(rule),
            body_of(rule),
            rule.bytes,
            faults.MAX_RULES,
            faults.MAX_BYTES,
        )
        if added is None:
            raise StateError(f"world {world.name} was begun anew meanwhile")
        if added == -1:
            raise NoRoom(f"there are {faults.MAX_RULES} rules already")
        if added == -2:
            raise NoRoom(f"the rules of all worlds take {faults.MAX_BYTES} bytes at the most")
        rule.id = added

    async def remove(self, world: World, rule_id: int) -> bool:
        held = next((each.bytes for each in await self.of(world) if each.id == rule_id), 0)
        return bool(await self._remove(world, rule_id, held))

    async def clear(self, world: World | None) -> None:
        await self._remove(world or self._pool.server)
        if world is None:
            async for name in names_of_worlds(self._run):
                there = self._pool.find(name)
                permanent = b"[]" if there is None else known(there).permanent
                await self._run("remove_rules", name, "", "", 0, permanent)

    async def _remove(self, world: World, rule_id: int | str = "", held: int = 0) -> int:
        arguments = (world.name, known(world).token, rule_id, held, known(world).permanent)
        return int(await self._run("remove_rules", *arguments) or 0)
