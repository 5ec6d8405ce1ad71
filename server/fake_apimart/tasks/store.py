"""Tasks in the storage, next to the files, so that any server on that storage can answer for them.

A task is written once. If it takes a number of polls, each poll writes their count under another
key; otherwise a poll writes nothing. The tasks that were stored or loaded last are also cached in
memory.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from fake_apimart_storage import Storage

from fake_apimart.common.caches import ByteCache
from fake_apimart.common.clock import Clock
from fake_apimart.common.stored_json import read_record, write_json
from fake_apimart.common.waits import pausing
from fake_apimart.go.json import marshal
from fake_apimart.tasks.state import POLLS, Polls
from fake_apimart.tasks.task import TASK, Task
from fake_apimart.worlds.world import NAME_PATTERN, World

TASK_PREFIX = "task/"
POLLS_PREFIX = "polls/"
LIFE_SECONDS = 30 * 86_400
"""How long a task and its count of polls are stored, in real time."""
CACHE_BYTES = 64 * 1024 * 1024
"""How much memory the cached tasks may take."""

_ID = re.compile(r"task_[0-9A-HJKMNP-TV-Z]{26}")
OWN_KEY = re.compile(rf"(?:{TASK_PREFIX}|{POLLS_PREFIX}){NAME_PATTERN}/{_ID.pattern}")
"""The keys under which tasks and their polls are stored."""
_NANOSECONDS_PER_MILLISECOND = 1_000_000


class TaskStore:
    """Stores tasks, and finds them by world and id."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._cache: ByteCache[Task] = ByteCache(CACHE_BYTES)

    async def put(self, task: Task, world: World) -> None:
        """Store a new task, unless its world is gone by then. Raises StorageError."""
        await self._write(_key(task.world, task.id), task.to_json(), world, replaces=False)
        self._cache_task(task, world)

    async def _write(self, key: str, text: bytes, world: World, *, replaces: bool = True) -> None:
        now_ns = self._clock.time_ns()
        await write_json(self._storage, key, text, now_ns, LIFE_SECONDS, replaces=replaces)
        await world.discard_if_gone(self._storage, key)

    async def get(self, world: World, task_id: str) -> Task | None:
        """Return the task, or None if this world has none of this id. Raises StorageError."""
        if not _ID.fullmatch(task_id):
            return None
        task = self._cache.get(task_id)
        if task is not None:
            return task if task.world == world.name else None
        key, now_ns = _key(world.name, task_id), self._clock.time_ns()
        task = await read_record(self._storage, key, now_ns, TASK)
        if task is not None:
            self._cache_task(task, world)
        return task

    async def all_of(self, world: World) -> AsyncIterator[Task]:
        """Yield every task of a world. Raises StorageError."""
        async for entry in pausing(self._storage.entries(_key(world.name, ""))):
            task = await self.get(world, entry.key.rpartition("/")[2])
            if task is not None:
                yield task

    def _cache_task(self, task: Task, world: World) -> None:
        if not world.gone:
            self._cache.put(task.id, task)

    async def forget(self, world: World) -> None:
        """Delete a world's tasks from cache and storage. Raises StorageError."""
        for prefix in (TASK_PREFIX, POLLS_PREFIX):
            async for entry in pausing(self._storage.entries(f"{prefix}{world.name}/")):
                self._cache.drop(entry.key.rpartition("/")[2])
                await self._storage.delete(entry.key)

    def clear_cache(self) -> None:
        """Clear the cache, and leave the storage alone."""
        self._cache.clear()

    async def polls(self, task: Task) -> Polls:
        """Return the polls of `task` so far, without counting one. Raises StorageError."""
        if not task.polls:
            return Polls()
        return await self._read_polls(_polls_key(task.world, task.id))

    async def polls_of(self, world: World, task_id: str) -> Polls:
        """Return the polls so far of a task that takes a number of polls. Raises StorageError."""
        return await self._read_polls(_polls_key(world.name, task_id))

    async def _read_polls(self, key: str) -> Polls:
        polls = await read_record(self._storage, key, self._clock.time_ns(), POLLS)
        return polls if polls is not None else Polls()

    async def count_poll(self, task: Task, world: World) -> Polls:
        """Count a poll of `task`, and return the polls before it. Raises StorageError."""
        before = await self.polls(task)
        if not task.polls or before.reached_ms is not None:
            return before
        if before.so_far >= task.polls:
            now_ms = world.clock.time_ns() // _NANOSECONDS_PER_MILLISECOND
            before = before._replace(reached_ms=now_ms)
        after = before._replace(so_far=min(before.so_far + 1, task.polls))
        await self._write(_polls_key(task.world, task.id), marshal(after), world)
        return before


def _key(world: str, task_id: str) -> str:
    return f"{TASK_PREFIX}{world}/{task_id}"


def _polls_key(world: str, task_id: str) -> str:
    return f"{POLLS_PREFIX}{world}/{task_id}"
