"""What is kept of callbacks until they are delivered or given up, in memory and in the storage.

Each is a small record under a key of its own, beside its task. So a server that starts finds what
another one left, without looking at tasks that call nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from fake_apimart_storage import Storage, StorageError, in_parallel
from pydantic import TypeAdapter

from fake_apimart.common.clock import Clock
from fake_apimart.common.stored_json import Count, Milliseconds, own_keys, read_record, write_json
from fake_apimart.go.json import marshal
from fake_apimart.observability.log import logger_of
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.state.locks import Locks
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import NAME_PATTERN

KEY_PREFIX = "callback/"
OWN_KEY = re.compile(rf"{KEY_PREFIX}({NAME_PATTERN})/(task_[0-9A-HJKMNP-TV-Z]{{26}})")
"""The keys of records: the name of the world, and the id of the task."""
LIFE_SECONDS = 2 * 86_400
"""How long a callback is kept, in real time: the longest task, and as long again."""
BOOKING_SECONDS = 120
"""How long it may take to store a task after its callback was booked, on any server."""
FIRST_PAUSE_SECONDS = 1.0
"""The pause after a look that found the task unfinished; it doubles with each."""
LONGEST_PAUSE_SECONDS = 60.0

MAX_WAITING = 100
"""How many callbacks of a world may wait, beside those that run."""

_BATCH = 32
"""How many records are read before others have their turn."""
_READ_AT_ONCE = 8
"""How many of them are read at the same time: half of what requests have of a remote store."""
_BATCH_PAUSE_SECONDS = 0.01
"""The pause after each batch, which takes about as long."""
_NANOSECONDS = 1_000_000_000

logger = logger_of(__name__)


@dataclass(slots=True, eq=False)
class Pending:
    """A callback that is neither delivered nor given up.

    It is due once the world's clock shows `due_ms`, the task's end or that of a pause, in Unix
    milliseconds; or at `at_latest`. It is never due before `not_before`, nor while it is held.
    These two are seconds of the event loop.
    """

    world: str
    task_id: str
    due_ms: int
    expires_ns: int
    """When it is given up, whatever happens, by the server's clock."""
    tries: int = 0
    """How many tries have failed."""
    at_latest: float = math.inf
    not_before: float = 0.0
    place: Any = None
    """Where in a trace it was booked, as `Telemetry.place` has it."""
    is_held: bool = False
    """Whether its task is not stored yet."""
    is_news: bool = False
    """Whether something has happened to the task since the callback was last looked at."""
    _pause: float = FIRST_PAUSE_SECONDS

    @property
    def key(self) -> str:
        """The key of its record."""
        return f"{KEY_PREFIX}{self.world}/{self.task_id}"

    def seconds_left(self, now_ms: int, now: float) -> float:
        """Return how long it is not due yet: `now_ms` by the world's clock, `now` by the loop."""
        if self.is_held:
            return math.inf
        until_due = min((self.due_ms - now_ms) / 1000, self.at_latest - now)
        return max(until_due, self.not_before - now)

    def look_again(self) -> None:
        """Let it be looked at again as soon as it is due, since something has changed."""
        self.is_news = True
        self.not_before = 0.0

    def look_later(self, now: float) -> None:
        """Put off the next look, each time for longer, unless there is news."""
        if not self.is_news:
            self.not_before = now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def try_again(self, pause: float, now_ms: int, now: float) -> None:
        """Count a try that failed; the next one is due after `pause` seconds."""
        self.put_off(self.tries + 1, now_ms + round(pause * 1000), pause, now)

    def put_off(self, tries: int, due_ms: int, pause: float, now: float) -> None:
        """Have so many tries behind it; the next is due at `due_ms`, and in `pause` seconds."""
        self.tries, self.due_ms, self.at_latest = tries, due_ms, now + pause


class Record(NamedTuple):
    """What is stored of a callback: when it is due by its world's clock, and failed tries."""

    due_ms: Milliseconds
    tries: Count


_RECORD = TypeAdapter(Record)


class PendingRecords:
    """The records of all callbacks in the storage.

    Where servers share a state, the callbacks of a key have MAX_WAITING places on all together.
    """

    def __init__(self, storage: Storage, clock: Clock, state: State, locks: Locks) -> None:
        self._storage = storage
        self._clock = clock
        self._is_shared = state.is_shared
        self._locks = locks

    async def occupy(self, task_id: str, world: str) -> bool:
        """Take a place for a callback; return False where all are taken. Raises StateError."""
        if not self._is_shared:
            # The queue of the world has its own bounds.
            return True
        return await self._locks.occupy(_places_of(world), task_id, MAX_WAITING, LIFE_SECONDS)

    def new(self, world: str, task_id: str, due_ms: int) -> Pending:
        """Return a callback that has no record yet."""
        expires_ns = self._clock.time_ns() + LIFE_SECONDS * _NANOSECONDS
        return Pending(world, task_id, due_ms, expires_ns)

    def seconds_to_live(self, pending: Pending) -> float:
        """Return when a callback is to be given up; not positive once its time is over."""
        return (pending.expires_ns - self._clock.time_ns()) / _NANOSECONDS

    async def write(self, pending: Pending) -> None:
        """Write a record, or write it anew. Raises StorageError."""
        now_ns = self._clock.time_ns()
        life = max(1, (pending.expires_ns - now_ns) // _NANOSECONDS)
        text = marshal(Record(pending.due_ms, pending.tries))
        await write_json(self._storage, pending.key, text, now_ns, life)

    def is_new(self, pending: Pending) -> bool:
        """Return whether a callback was booked so lately that its task may not be stored yet."""
        return self.seconds_to_live(pending) > LIFE_SECONDS - BOOKING_SECONDS

    async def read(self, pending: Pending) -> Record | None:
        """Return the record, or None where it was deleted. Raises StorageError."""
        return await self._record(pending.key)

    async def _record(self, key: str) -> Record | None:
        return await read_record(self._storage, key, self._clock.time_ns(), _RECORD)

    async def delete(self, pending: Pending) -> None:
        """Delete a record. Log it where the storage fails: the callback may then come again."""
        try:
            await self._storage.delete(pending.key)
        except StorageError as error:
            logger.warning("the callback of %s may come again: %s", pending.task_id, error)
        await self.vacate(pending)

    async def vacate(self, pending: Pending) -> None:
        """Let the next callback have a place; where the state is away, when its time is over."""
        with contextlib.suppress(StateError):
            await self._locks.vacate(_places_of(pending.world), pending.task_id)

    async def forget(self, world: str) -> None:
        """Delete the records of a world. Raises StorageError, StateError."""
        keys = await own_keys(self._storage, f"{KEY_PREFIX}{world}/", OWN_KEY)
        await self._storage.delete_many(keys)
        await self._locks.vacate(_places_of(world))

    async def all(self) -> AsyncIterator[Pending]:
        """Yield the callback of each record that can be read. Raises StorageError."""
        keys = await own_keys(self._storage, KEY_PREFIX, OWN_KEY)
        for first in range(0, len(keys), _BATCH):
            found = self._storage.described(keys[first : first + _BATCH])
            batch = [(each.key, each.info.expires_at) async for each in found if each.info]
            for pending in await self._read(batch):
                yield pending
            # Let requests in, also where the storage answers without a wait.
            await asyncio.sleep(_BATCH_PAUSE_SECONDS)

    async def _read(self, entries: list[tuple[str, int]]) -> list[Pending]:
        async def read(entry: tuple[str, int]) -> Pending | None:
            return await self._read_one(*entry)

        outcomes = [each async for each in in_parallel(entries, read, _READ_AT_ONCE)]
        return [pending for each in outcomes if (pending := each.result()) is not None]

    async def _read_one(self, key: str, expires_at: int) -> Pending | None:
        """Return a callback, or None where the key is not ours or the record has expired."""
        match = OWN_KEY.fullmatch(key)
        record = await self._record(key) if match is not None else None
        if match is None or record is None:
            return None
        return Pending(match[1], match[2], record.due_ms, expires_at * _NANOSECONDS, record.tries)


def _places_of(world: str) -> str:
    return f"callbacks/{world}"
