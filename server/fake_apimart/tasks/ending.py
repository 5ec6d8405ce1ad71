"""Ends tasks before their time, for tests: now, whatever was planned."""

from __future__ import annotations

from fake_apimart.tasks.ledger import Ledger
from fake_apimart.tasks.state import state_of
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.state.locks import Locks
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import World

_NANOSECONDS_PER_MILLISECOND = 1_000_000


class TaskHasEnded(Exception):
    """The task is completed or failed already; the message is its status."""


class Ending:
    """Ends tasks, each once."""

    def __init__(self, tasks: TaskStore, ledger: Ledger, state: State, locks: Locks) -> None:
        self._tasks = tasks
        self._ledger = ledger
        self._state = state
        self._locks = locks

    async def end(self, world: World, task_id: str, failure: str | None) -> Task | None:
        """End a task, which fails with a message, or completes where that is None.

        Return it as it is then, or None where the world has none of this id. Raises TaskHasEnded,
        StorageError, StateError.
        """
        async with self._locks.holding(f"ending/{task_id}"):
            await self._state.refresh(world)
            task = await self._tasks.get(world, task_id)
            if task is None or world.gone:
                return None
            now_ms = world.clock.time_ns() // _NANOSECONDS_PER_MILLISECOND
            state = state_of(task, now_ms, await self._ledger.polls(task))
            if state.completed_ms is not None:
                raise TaskHasEnded(state.status)
            ended = task.ended_at(now_ms, failure)
            # What is known of its cost has to be there before that is replaced.
            await self._state.settle(world)
            await self._ledger.replace(task, ended, world)
            await self._state.change(world, lambda: _revise(world))
            return ended


def _revise(world: World) -> None:
    """Have every server that knows the world read its tasks anew."""
    world.revision += 1
