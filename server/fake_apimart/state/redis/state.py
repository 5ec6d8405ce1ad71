"""The state of worlds that several servers share."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock
from fake_apimart.common.rates import parse_rate
from fake_apimart.go.json import marshal
from fake_apimart.observability.log import logger_of
from fake_apimart.state.redis.changes import Changes
from fake_apimart.state.redis.clock import RedisClock
from fake_apimart.state.redis.connection import Connection
from fake_apimart.state.redis.entries import StoredEntry
from fake_apimart.state.redis.listener import Listener
from fake_apimart.state.redis.rules import RedisReservation, body_of, measure, rule_of
from fake_apimart.state.redis.world import RedisWorld
from fake_apimart.worlds import entry as entries
from fake_apimart.worlds import faults
from fake_apimart.worlds.entry import Entry, Includes, Journaled
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.state import JournalSize, NoRoom, Reservation, State, StateError
from fake_apimart.worlds.watches import Watch
from fake_apimart.worlds.world import SERVER, World

MAX_JOURNAL_BYTES = 64 * 1024 * 1024
"""Size of all journals together, in Redis."""
READ_AT_ONCE = 100
"""Entries or names that are read by one call."""
TICK_SECONDS = 1.0
"""How often what could not be told to Redis is told again."""
RENEW_SECONDS = 15.0
"""How often uses of rules are held for longer; each is held for 60 seconds."""
SYNCHRONIZE_SECONDS = 30.0
"""How often the clock is set right."""
RESETTING_MILLISECONDS = 60_000
"""How long a world counts as being reset, whatever becomes of who resets it."""
MAX_CHANGES = 100
"""How often a change is tried again that another server has come before."""

_MICROSECONDS = 1_000_000

logger = logger_of(__name__)


class RedisState(State):
    """What servers know together of their worlds; those in the pool are copies."""

    is_shared = True

    def __init__(self, connection: Connection, clock: RedisClock) -> None:
        super().__init__()
        self._connection = connection
        self._run = connection.run
        self._clock = clock
        self._listener = Listener(connection, self._note_gone)
        self._held: set[RedisReservation] = set()
        self._reservations = itertools.count(1)
        self._name = secrets.token_hex(8)
        """Of this server, for what it holds."""
        self._ticking = asyncio.create_task(self._tick())

    async def close(self) -> None:
        self._ticking.cancel()
        await asyncio.wait([self._ticking])
        await self._listener.close()
        with contextlib.suppress(StateError):
            await self._settle_all()

    async def _tick(self) -> None:
        """Do in the background what is due, whatever becomes of Redis."""
        due = {self._renew: RENEW_SECONDS, self._synchronize: SYNCHRONIZE_SECONDS}
        last = dict.fromkeys(due, 0.0)
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(TICK_SECONDS)
            # What fails is due again, and requests say in the log what is wrong.
            with contextlib.suppress(StateError):
                await self._settle_all()
                for job, seconds in due.items():
                    if now() - last[job] >= seconds:
                        await job()
                        last[job] = now()

    async def _renew(self) -> None:
        for reservation in list(self._held):
            await reservation.renew()

    async def _synchronize(self) -> None:
        await self._clock.synchronize(self._connection)

    async def _settle_all(self) -> None:
        for world in (self.pool.server, *self.pool):
            if _known(world).changes:
                await self.settle(world)

    def _note_gone(self, name: str) -> None:
        """Note that a world was begun anew, which the next call would tell too."""
        world = self.pool.find(name)
        if world is not None and name != SERVER:
            world.gone = True

    # Worlds

    def create(self, name: str, clock: Clock, base: WorldSettings | World) -> RedisWorld:
        return RedisWorld(name, clock, base)

    async def refresh(self, world: World) -> None:
        await self.enter(world, "")

    async def enter(
        self, world: World, operation: str, *, is_refused: bool = False
    ) -> Reservation | None:
        known, server = _known(world), _known(self.pool.server)
        reservation = f"{self._name}-{next(self._reservations)}" if operation else ""
        answer = await self._run(
            "enter",
            world.name,
            known.token,
            server.token,
            operation,
            int(is_refused),
            reservation,
            known.permanent,
        )
        if len(answer) == 2:
            world.gone, server.gone = True, server.token not in ("", answer[1].decode())
            return None
        known.token, server.token = answer[0].decode(), answer[1].decode()
        known.read(answer[2])
        server.read(answer[3])
        known.committed = float(answer[4] or 0)
        known.is_being_reset = bool(answer[5])
        return self._reserved(known, reservation, *answer[6]) if len(answer) > 6 else None

    def _reserved(
        self, world: RedisWorld, reservation: str, owner: bytes, rule_id: Any, body: bytes
    ) -> Reservation:
        token = world.token if owner.decode() == world.name else _known(self.pool.server).token
        identity = owner.decode(), token, int(rule_id), reservation
        rule = rule_of(int(rule_id), 0, body)
        return RedisReservation(rule, identity, self._connection, world.changes, self._held)

    async def change(self, world: World, apply: Callable[[], None]) -> None:
        known = _known(world)
        for _ in range(MAX_CHANGES):
            before = [each or b"" for each in known.in_redis]
            after = _applied(known, apply)
            changed = await self._run("change", world.name, known.token, *before, *after)
            if changed == 1:
                known.read(after)
                return
            await self.refresh(world)
            if world.gone:
                raise StateError(f"world {world.name} was begun anew meanwhile")
        raise StateError(f"world {world.name} is changed by others all the time")

    async def note_tasks(self, world: World) -> None:
        """Do nothing: the account says it."""

    async def discard_if_gone(self, world: World, storage: Storage, key: str) -> None:
        _known(world).changes.written.append((storage, key))

    async def count(self) -> int:
        return int(await self._run("count_worlds"))

    def let_go(self, world: World) -> None:
        pass

    # Resets

    @contextlib.asynccontextmanager
    async def resetting(self, world: World | None) -> AsyncIterator[None]:
        name = SERVER if world is None else world.name
        await self._run("resetting", name, RESETTING_MILLISECONDS)
        try:
            yield
        finally:
            with contextlib.suppress(StateError):
                await self._run("resetting", name, 0)

    async def replace(self, worlds: Sequence[World]) -> None:
        first = _known(_foremost(worlds))
        if await self._run("replace", first.name, first.token, 1) == 0:
            raise StateError(f"world {first.name} was begun anew meanwhile")

    async def put_back(self, worlds: Sequence[World]) -> None:
        first = _known(_foremost(worlds))
        await self._run("replace", first.name, _next(first), -1)
        await self._run("forget", first.name, _next(first))

    async def end(self, worlds: Sequence[World]) -> None:
        first = _known(_foremost(worlds))
        await self._run("forget", first.name, first.token)

    # Rules

    async def rules(self, world: World) -> Sequence[Rule]:
        found = await self._run("rules_of", world.name, _known(world).permanent)
        return [rule_of(*each) for each in found]

    async def add_rule(self, world: World, rule: Rule) -> None:
        measure(rule)
        added = await self._run(
            "add_rule",
            world.name,
            _known(world).token,
            rule.operation,
            "" if rule.times is None else rule.times,
            rule.after,
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

    async def remove_rule(self, world: World, rule_id: int) -> bool:
        held = next((each.bytes for each in await self.rules(world) if each.id == rule_id), 0)
        return bool(await self._remove_rules(world, rule_id, held))

    async def clear_rules(self, world: World | None) -> None:
        await self._remove_rules(world or self.pool.server)
        if world is None:
            async for name in self._names():
                known = self.pool.find(name)
                await self._run("remove_rules", name, "", "", 0, _permanent_of(known))

    async def _remove_rules(self, world: World, rule_id: int | str = "", held: int = 0) -> int:
        known = _known(world)
        arguments = (world.name, known.token, rule_id, held, known.permanent)
        return int(await self._run("remove_rules", *arguments) or 0)

    # Rates

    async def take(self, world: World, rate: str) -> int:
        amount, seconds = parse_rate(rate)
        token = _known(world).token
        window = seconds * _MICROSECONDS
        wait = await self._run("take", world.name, token, rate, amount, window)
        return max(1, -(-wait // _MICROSECONDS)) if wait else 0

    # Journals

    async def record(self, world: World, entry: Entry) -> None:
        entry.measure()
        text = marshal(entry.to_json())
        status = "" if entry.status is None else entry.status
        entry.id = await self._record(world, entry.id or "", entry.operation or "", status, text)

    async def settle(self, world: World) -> None:
        """Tell Redis what it is not told yet of a world."""
        if _known(world).changes:
            await self._record(world, "", "", "", b"")

    async def _record(self, world: World, *entry: str | int | bytes) -> int:
        """Tell Redis of an entry and of changes; return the entry's id, 0 where there is none."""
        known = _known(world)
        changes = known.changes.take()
        try:
            recorded = await self._run(
                "record",
                world.name,
                known.token,
                *entry,
                changes.to_json(),
                entries.MAX_ENTRIES,
                MAX_JOURNAL_BYTES,
            )
        except BaseException:
            known.changes.put_back(changes)
            raise
        if recorded is None:
            world.gone = True
            await _discard(changes)
        return int(recorded or 0)

    async def entries(self, world: World | None, includes: Includes) -> list[Journaled]:
        names = [SERVER, *[name async for name in self._names()]] if world is None else [world.name]
        found: list[Journaled] = []
        for name in names:
            found += [entry async for entry in self._entries_of(name) if includes(entry)]
        found.sort(key=lambda entry: entry.id)
        return found

    async def _entries_of(self, name: str) -> AsyncIterator[StoredEntry]:
        last = 0
        while True:
            batch = await self._run("journal_of", name, last, READ_AT_ONCE)
            for entry_id, text in batch:
                last = entry_id
                yield StoredEntry(entry_id, text)
            if len(batch) < READ_AT_ONCE:
                return

    async def _names(self) -> AsyncIterator[str]:
        """Yield the names of all worlds but the server's own."""
        for start in itertools.count(0, READ_AT_ONCE):
            batch = await self._run("worlds", start, start + READ_AT_ONCE - 1)
            for name in batch:
                yield name.decode()
            if len(batch) < READ_AT_ONCE:
                return

    async def journal_size(self, world: World) -> JournalSize:
        return JournalSize(*await self._run("journal_size", world.name))

    async def clear_journal(self, world: World | None) -> None:
        await self._run("clear_journal", (world or self.pool.server).name)
        if world is None:
            async for name in self._names():
                await self._run("clear_journal", name)

    def watching(
        self, world: World | None, operation: str | None, includes: Includes
    ) -> AbstractAsyncContextManager[Watch]:
        name = None if world is None else world.name
        return self._listener.watching(name, operation, includes)


def _known(world: World) -> RedisWorld:
    assert isinstance(world, RedisWorld)
    return world


def _applied(world: RedisWorld, apply: Callable[[], None]) -> tuple[bytes, ...]:
    """Return what `apply` makes of a world, which nobody may see before Redis has taken it."""
    clock, overrides = world.clock.state, world.overrides
    try:
        apply()
        return world.fields()
    finally:
        world.clock.state, world.overrides = clock, overrides


def _permanent_of(world: World | None) -> bytes:
    return b"[]" if world is None else _known(world).permanent


def _foremost(worlds: Sequence[World]) -> World:
    """Return the world that a reset is about: the server's own stands for all."""
    return next((world for world in worlds if world.name == SERVER), worlds[0])


def _next(world: RedisWorld) -> str:
    """Return the token of the world that has replaced one."""
    epoch, generation = map(int, world.token.split("."))
    if world.name == SERVER:
        return f"{epoch + 1}.{generation}"
    return f"{epoch}.{generation + 1}"


async def _discard(changes: Changes) -> None:
    """Delete what requests have just written into a world that is gone."""
    for storage, key in changes.written:
        await storage.delete(key)
