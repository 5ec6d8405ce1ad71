"""Tasks in the storage, next to the files, so that any server on that storage can answer for them.

A task is written once, and again where a test ends it. The tasks that were stored or loaded last
are also cached in memory. Where only this server counts its polls, their count lies under another
key beside it.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from fake_apimart_storage import Storage, in_parallel

from fake_apimart.common.caches import ByteCache
from fake_apimart.common.clock import Clock
from fake_apimart.common.stored_json import own_keys, read_record, write_json
from fake_apimart.tasks.task import TASK, Task
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import NAME_PATTERN, World

TASK_PREFIX = "task/"
POLLS_PREFIX = "polls/"
LIFE_SECONDS = 30 * 86_400
"""How long a task and its count of polls are stored, in real time."""
CACHE_BYTES = 64 * 1024 * 1024
"""How much memory the cached tasks may take."""
READ_AT_ONCE = 8
"""How many tasks are read at the same time where all of a world's are wanted."""

_ID = re.compile(r"task_[0-9A-HJKMNP-TV-Z]{26}")
OWN_KEY = re.compile(rf"(?:{TASK_PREFIX}|{POLLS_PREFIX}){NAME_PATTERN}/{_ID.pattern}")
"""The keys under which tasks and their polls are stored."""


class NewestTasks(NamedTuple):
    """The latest tasks, each as the name of its world and its id, and how many there are."""

    ids: list[tuple[str, str]]
    total: int


class TaskStore:
    """Stores tasks, and finds them by world and id."""

    def __init__(self, storage: Storage, clock: Clock, state: State) -> None:
        self._storage = storage
        self._clock = clock
        self._state = state
        self._cache: ByteCache[Task] = ByteCache(CACHE_BYTES)

    async def put(self, task: Task, world: World) -> None:
        """Store a new task, unless its world is gone by then. Raises StorageError."""
        key, now_ns = _key(task.world, task.id), self._clock.time_ns()
        text = task.to_json()
        await write_json(self._storage, key, text, now_ns, LIFE_SECONDS, replaces=False)
        await self._state.discard_if_gone(world, self._storage, key)
        self._cache_task(task, world, _place(world, task.id))

    async def replace(self, task: Task, world: World) -> None:
        """Store a task in place of the one with its id, unless its world is gone by then.

        Whoever has cached that one goes on using it until the world has another revision. Raises
        StorageError.
        """
        key, now_ns = _key(task.world, task.id), self._clock.time_ns()
        await write_json(self._storage, key, task.to_json(), now_ns, LIFE_SECONDS)
        await self._state.discard_if_gone(world, self._storage, key)

    async def get(self, world: World, task_id: str) -> Task | None:
        """Return the task, or None if this world has none of this id. Raises StorageError."""
        if not _ID.fullmatch(task_id):
            return None
        # Before it is read: what another server has written anew meanwhile is of another revision.
        place = _place(world, task_id)
        task = self._cache.get(place)
        if task is not None:
            return task
        key, now_ns = _key(world.name, task_id), self._clock.time_ns()
        task = await read_record(self._storage, key, now_ns, TASK)
        if task is not None:
            self._cache_task(task, world, place)
        return task

    async def ids_of(self, world: World) -> list[str]:
        """Return the ids of all tasks of a world, damaged ones too. Raises StorageError."""
        keys = await own_keys(self._storage, _key(world.name, ""), OWN_KEY)
        return [key.rpartition("/")[2] for key in keys]

    async def worlds(self, beginning: str = "") -> set[str]:
        """Return the names that begin so of all worlds that have tasks. Raises StorageError."""
        keys = await own_keys(self._storage, f"{TASK_PREFIX}{beginning}", OWN_KEY)
        return {key.split("/", 2)[1] for key in keys}

    async def all_of(self, world: World) -> AsyncIterator[Task]:
        """Yield every task of a world, in any order. Raises StorageError."""

        async def task_of(task_id: str) -> Task | None:
            return await self.get(world, task_id)

        async for outcome in in_parallel(await self.ids_of(world), task_of, READ_AT_ONCE):
            task = outcome.result()
            if task is not None:
                yield task

    async def newest(self, world: World | None, limit: int) -> NewestTasks:
        """Return the ids of the latest tasks of a world, or of all, newest first.

        Raises StorageError.
        """
        prefix = TASK_PREFIX if world is None else _key(world.name, "")
        keys = await own_keys(self._storage, prefix, OWN_KEY)
        latest = heapq.nlargest(limit, keys, key=lambda key: key.rpartition("/")[2])
        owned = [tuple(key.split("/")[1:]) for key in latest]
        return NewestTasks([(name, task_id) for name, task_id in owned], len(keys))

    def _cache_task(self, task: Task, world: World, place: str) -> None:
        if not world.gone:
            self._cache.put(place, task)

    async def forget(self, world: World) -> None:
        """Delete a world's tasks from cache and storage. Raises StorageError."""
        for prefix in (TASK_PREFIX, POLLS_PREFIX):
            keys = await own_keys(self._storage, f"{prefix}{world.name}/", OWN_KEY)
            for key in keys:
                self._cache.drop(_place(world, key.rpartition("/")[2]))
            await self._storage.delete_many(keys)

    def clear_cache(self) -> None:
        """Clear the cache, and leave the storage alone."""
        self._cache.clear()


def _key(world: str, task_id: str) -> str:
    return f"{TASK_PREFIX}{world}/{task_id}"


def _place(world: World, task_id: str) -> str:
    """Return where a task is cached.

    A world that is begun anew has none of those before, nor has one whose tasks were written anew.
    """
    return f"{world.generation}/{task_id}"
