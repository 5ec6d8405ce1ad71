"""The rules of worlds that several servers share, and the uses of them that requests hold."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fake_apimart.common.held_bytes import held_bytes
from fake_apimart.go.json import marshal
from fake_apimart.state.redis.changes import Changes
from fake_apimart.state.redis.connection import Connection, names_of_worlds
from fake_apimart.state.redis.rule_text import body_of, conditions_of, rule_of
from fake_apimart.state.redis.world import RedisWorld, known
from fake_apimart.worlds import faults
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.pool import Pool
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.state.rules import Met, NoRoom, Reservation, Rules, Undecided, Verdicts
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
    """The rules that Redis has; `pool` has the worlds that this server knows.

    `name` is the server's own, for what it holds. `held` are the uses that its requests hold.
    """

    def __init__(self, connection: Connection, pool: Pool, name: str) -> None:
        self.held: set[RedisReservation] = set()
        self._connection = connection
        self._run = connection.run
        self._pool = pool
        self._reservations = itertools.count(1)
        self._name = name

    def new_reservation(self) -> str:
        """Return an id that no other reservation has."""
        return f"{self._name}-{next(self._reservations)}"

    async def meet(self, world: World, undecided: Undecided, verdicts: Verdicts) -> Met:
        """Go on where `undecided` stopped, as `State.meet` says."""
        here, reservation = known(world), self.new_reservation()
        met = await self._run(
            "meet",
            world.name,
            here.token,
            undecided.operation,
            int(undecided.is_refused),
            reservation,
            undecided.owner,
            undecided.conditions[0][0],
            marshal({str(rule_id): verdict for rule_id, verdict in verdicts.items()}),
        )
        return self.met(here, reservation, undecided, met)

    def met(
        self,
        world: RedisWorld,
        reservation: str,
        request: Undecided,
        said: Sequence[Any] | None = None,
    ) -> Met:
        """Return what the script `meet` has said of a request."""
        if said is None:
            return None
        is_reserved, owner, *what = said
        if is_reserved:
            return self._reserved(world, reservation, owner.decode(), *what)
        conditions = [(rule_id, json.loads(where)) for rule_id, where in what[0]]
        return replace(request, owner=owner.decode(), conditions=conditions)

    def _reserved(
        self, world: RedisWorld, reservation: str, owner: str, rule_id: bytes, body: bytes
    ) -> Reservation:
        token = world.token if owner == world.name else known(self._pool.server).token
        identity = owner, token, int(rule_id), reservation
        rule = rule_of(int(rule_id), 0, body)
        return RedisReservation(rule, identity, self._connection, world.changes, self.held)

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
