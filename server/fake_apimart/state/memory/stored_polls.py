"""How often tasks were polled, in the storage: a record for each that takes a number of polls."""

from __future__ import annotations

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock
from fake_apimart.common.stored_json import read_record, write_json
from fake_apimart.go.json import marshal
from fake_apimart.tasks.state import POLLS, Polls
from fake_apimart.tasks.store import LIFE_SECONDS, POLLS_PREFIX
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import World


class StoredPolls:
    """The polls of tasks. Every method raises StorageError."""

    def __init__(self, storage: Storage, clock: Clock, state: State) -> None:
        self._storage = storage
        self._clock = clock
        self._state = state

    async def of(self, world: str, task_id: str) -> Polls:
        """Return the polls so far of a task that takes a number of polls."""
        key = _key(world, task_id)
        polls = await read_record(self._storage, key, self._clock.time_ns(), POLLS)
        return polls if polls is not None else Polls()

    async def count(self, task: Task, world: World) -> Polls:
        """Count a poll of such a task, and return the polls before it."""
        before = await self.of(task.world, task.id)
        after = before.after_one(task.polls, world.clock.time_ns())
        if after == before:
            return before
        key, now_ns = _key(task.world, task.id), self._clock.time_ns()
        await write_json(self._storage, key, marshal(after), now_ns, LIFE_SECONDS)
        await self._state.discard_if_gone(world, self._storage, key)
        return before._replace(reached_ms=after.reached_ms)


def _key(world: str, task_id: str) -> str:
    return f"{POLLS_PREFIX}{world}/{task_id}"
