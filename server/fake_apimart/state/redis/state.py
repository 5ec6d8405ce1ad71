"""The state of worlds that several servers share."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock
from fake_apimart.common.rates import parse_rate
from fake_apimart.state.redis.clock import RedisClock
from fake_apimart.state.redis.connection import PREFIX, SCAN_AT_ONCE, Connection, names_of_worlds
from fake_apimart.state.redis.journals import RedisJournals
from fake_apimart.state.redis.listener import Listener
from fake_apimart.state.redis.rules import RedisRules
from fake_apimart.state.redis.world import RedisWorld, known
from fake_apimart.worlds.entry import MAX_ENTRIES
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.state.rules import Met, Undecided, Verdicts
from fake_apimart.worlds.state.state import Seen, State
from fake_apimart.worlds.world import NAME_DIGITS, SERVER, World

MAX_JOURNAL_BYTES = 64 * 1024 * 1024
"""Size of all journals together, in Redis."""
TICK_SECONDS = 1.0
"""How often what could not be told to Redis is told again."""
RENEW_SECONDS = 15.0
"""How often uses of rules are held for longer; each is held for 60 seconds."""
SYNCHRONIZE_SECONDS = 30.0
"""How often the clock is set right."""
RESETTING_MILLISECONDS = 60_000
"""How long a world counts as being reset, whatever becomes of who resets it."""
CHECK_MILLISECONDS = 1000
"""How long stays what is written to see whether Redis can be written to."""
MAX_CHANGES = 100
"""How often a change is tried again that another server has come before."""

_MICROSECONDS = 1_000_000


class RedisState(State):
    """What servers know together of their worlds; those in the pool are copies."""

    is_shared = True
    rules: RedisRules

    def __init__(self, connection: Connection, storage: Storage, clock: RedisClock) -> None:
        super().__init__()
        self._listener = Listener(connection, self._note_gone)
        self.rules = RedisRules(connection, self.pool, secrets.token_hex(8))
        self.journals = RedisJournals(connection, storage, self.pool, self._listener, self.tell)
        self._connection = connection
        self._run = connection.run
        self._clock = clock
        self._ticking = asyncio.create_task(self._tick())

    async def check(self) -> None:
        """Return where Redis can be written to: one that is full, or a replica, still answers."""
        redis = self._connection.redis
        await self._connection.call(redis.set(f"{PREFIX}check", 1, px=CHECK_MILLISECONDS))

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
        for reservation in list(self.rules.held):
            await reservation.renew()

    async def _synchronize(self) -> None:
        await self._clock.synchronize(self._connection)

    async def _settle_all(self) -> None:
        for world in (self.pool.server, *self.pool):
            if known(world).changes:
                await self.settle(world)

    def _note_gone(self, name: str, token: str) -> None:
        """Note that the world of a token was begun anew, which the next call would tell too.

        The server's own stands for all.
        """
        worlds = (self.pool.server, *self.pool) if name == SERVER else (self.pool.find(name),)
        for world in worlds:
            if world is not None and _is_of(known(world), token, is_all=name == SERVER):
                world.gone = True

    def create(self, name: str, clock: Clock, base: WorldSettings | World) -> RedisWorld:
        return RedisWorld(name, clock, base)

    async def refresh(self, world: World) -> None:
        await self.enter(world, "")

    async def enter(self, world: World, operation: str, *, is_refused: bool = False) -> Met:
        here, server = known(world), known(self.pool.server)
        reservation = self.rules.new_reservation() if operation else ""
        answer = await self._run(
            "enter",
            world.name,
            here.token,
            server.token,
            operation,
            int(is_refused),
            reservation,
            here.permanent,
        )
        if len(answer) == 2:
            world.gone, server.gone = True, server.token not in ("", answer[1].decode())
            return None
        token, server_token, time_us, fields, server_fields, committed, resets, *met = answer
        here.token, server.token = token.decode(), server_token.decode()
        here.read(fields, time_us)
        server.read(server_fields, time_us)
        here.committed = None if committed is None else float(committed)
        here.is_being_reset = bool(resets)
        request = Undecided(operation, "", (), is_refused)
        return self.rules.met(here, reservation, request, *met)

    async def meet(self, world: World, undecided: Undecided, verdicts: Verdicts) -> Met:
        return await self.rules.meet(world, undecided, verdicts)

    async def change(self, world: World, apply: Callable[[], None]) -> None:
        here = known(world)
        for _ in range(MAX_CHANGES):
            before = [each or b"" for each in here.in_redis]
            after = _applied(here, apply)
            changed = await self._run("change", world.name, here.token, *before, *after)
            if changed:
                here.read(after, changed)
                return
            await self.refresh(world)
            if world.gone:
                raise StateError(f"world {world.name} was begun anew meanwhile")
        raise StateError(f"world {world.name} is changed by others all the time")

    async def note_tasks(self, world: World) -> None:
        """Do nothing: the account says it."""

    async def discard_if_gone(self, world: World, storage: Storage, key: str) -> None:
        known(world).changes.written.append((storage, key))

    async def count(self) -> int:
        return int(await self._run("count_worlds"))

    async def latest(self, limit: int) -> list[tuple[str, int]]:
        found: dict[str, int] = {}
        for first in range(0, limit, SCAN_AT_ONCE):
            number = min(SCAN_AT_ONCE, limit - first)
            answer = await self._run("latest_worlds", first, number)
            # One that is used meanwhile pushes another into the next batch, which then comes twice.
            for name, used_us in zip(answer[::2], answer[1::2], strict=True):
                found.setdefault(name.decode(), int(used_us) * 1000)
            if len(answer) < 2 * number:
                break
        return list(found.items())

    async def names(self, beginning: str) -> set[str]:
        if len(beginning) == NAME_DIGITS:
            return {beginning} if await self._run("has_world", beginning) else set()
        names = names_of_worlds(self._run, beginning, SCAN_AT_ONCE)
        return {name async for name in names}

    async def seen(self, names: Sequence[str]) -> list[Seen]:
        found: list[Seen] = []
        for first in range(0, len(names), SCAN_AT_ONCE):
            batch = names[first : first + SCAN_AT_ONCE]
            answer = await self._run("seen", *batch)
            found += [
                Seen(name, label.decode(), requests)
                for name, (label, requests) in zip(batch, answer, strict=True)
            ]
        return found

    async def drop(self, world: World) -> None:
        await self._run("drop_world", world.name)

    def let_go(self, world: World) -> None:
        pass

    async def take(self, world: World, rate: str) -> int:
        amount, seconds = parse_rate(rate)
        token = known(world).token
        window = seconds * _MICROSECONDS
        wait = await self._run("take", world.name, token, rate, amount, window)
        return max(1, -(-wait // _MICROSECONDS)) if wait else 0

    async def settle(self, world: World) -> None:
        """Tell Redis what it is not told yet of a world."""
        if known(world).changes:
            await self.tell(world, "", "", "", b"")

    async def tell(self, world: World, *entry: str | int | bytes) -> int:
        """Tell Redis of an entry and of changes; return the entry's id, 0 where there is none."""
        here = known(world)
        changes = here.changes.take()
        try:
            recorded = await self._run(
                "record",
                world.name,
                here.token,
                *entry,
                changes.to_json(),
                MAX_ENTRIES,
                MAX_JOURNAL_BYTES,
            )
        except BaseException:
            here.changes.put_back(changes)
            raise
        if recorded is None:
            world.gone = True
            await changes.discard()
        return int(recorded or 0)

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

    async def replace(self, worlds: Sequence[World]) -> bool:
        first = known(_foremost(worlds))
        return bool(await self._run("replace", first.name, first.token, 1))

    async def put_back(self, worlds: Sequence[World]) -> None:
        first = known(_foremost(worlds))
        await self._run("replace", first.name, _next(first), -1)
        await self._run("forget", first.name, _next(first))

    async def end(self, worlds: Sequence[World]) -> None:
        first = known(_foremost(worlds))
        await self._run("forget", first.name, first.token)


def _applied(world: RedisWorld, apply: Callable[[], None]) -> tuple[bytes, ...]:
    """Return what `apply` makes of a world, which nobody may see before Redis has taken it."""
    before = world.remembered()
    try:
        apply()
        return world.fields()
    finally:
        world.recall(before)


def _foremost(worlds: Sequence[World]) -> World:
    """Return the world that a reset is about: the server's own stands for all."""
    return next((world for world in worlds if world.name == SERVER), worlds[0])


def _is_of(world: RedisWorld, token: str, *, is_all: bool) -> bool:
    """Return whether a world had this token, or its epoch where the news is about all worlds."""
    if is_all:
        return world.token.partition(".")[0] == token.partition(".")[0]
    return world.token == token


def _next(world: RedisWorld) -> str:
    """Return the token of the world that has replaced one."""
    epoch, generation = map(int, world.token.split("."))
    if world.name == SERVER:
        return f"{epoch + 1}.{generation}"
    return f"{epoch}.{generation + 1}"
