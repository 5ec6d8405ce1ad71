"""What each world of one server has spent, derived from its tasks in the storage.

A world's tasks are listed with its first create or question for its balance, whatever its stored
state says, which may have been damaged; from then on the tasks that are created here are added.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock
from fake_apimart.state.memory.account import Account
from fake_apimart.state.memory.stored_polls import StoredPolls
from fake_apimart.tasks.ledger import Ledger
from fake_apimart.tasks.state import Polls
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import World

_NANOSECONDS_PER_MILLISECOND = 1_000_000
_PAUSE_AFTER = 50
"""After how many tasks that are looked up other requests have their turn."""


class MemoryLedger(Ledger):
    """The accounts of all worlds, each loaded on first use; polls are in the storage."""

    def __init__(self, tasks: TaskStore, state: State, storage: Storage, clock: Clock) -> None:
        self._tasks = tasks
        self._state = state
        self._polls = StoredPolls(storage, clock, state)
        self._accounts: WeakKeyDictionary[World, Account] = WeakKeyDictionary()

    async def store(self, task: Task, world: World) -> None:
        account = await self._account(world)
        await self._state.note_tasks(world)
        await self._tasks.put(task, world)
        account.add(task)
        if account.is_large:
            account.settle(_now_ms(world))

    async def replace(self, task: Task, ended: Task, world: World) -> None:
        account = await self._account(world)
        await self._tasks.replace(ended, world)
        if account.remove(task):
            account.add(ended)
        else:
            # It was spent before the clock was set back, or another server has accepted it.
            self._accounts.pop(world, None)

    async def committed(self, world: World) -> float:
        if not world.has_tasks and world not in self._accounts:
            return 0.0
        return (await self._account(world)).committed

    async def spent(self, world: World) -> float:
        """Return it; the storage is asked where tasks that are paced in polls may have ended."""
        account = await self._account(world)
        account.settle(_now_ms(world))
        to_look_up = account.take_to_look_up()
        while to_look_up:
            task_id = to_look_up.pop()
            try:
                polls = await self._polls.of(world.name, task_id)
            except BaseException:
                for each in (task_id, *to_look_up):
                    account.note_last_poll(each)
                raise
            if polls.reached_ms is not None:
                account.decide(task_id)
            if len(to_look_up) % _PAUSE_AFTER == _PAUSE_AFTER - 1:
                await asyncio.sleep(0)
        return account.spent

    async def polls(self, task: Task) -> Polls:
        return await self._polls.of(task.world, task.id) if task.polls else Polls()

    async def count_poll(self, task: Task, world: World) -> Polls:
        if not task.polls:
            return Polls()
        polls = await self._polls.count(task, world)
        if polls.reached_ms is not None and (account := self._accounts.get(world)) is not None:
            account.note_last_poll(task.id)
        return polls

    async def _account(self, world: World) -> Account:
        account = self._accounts.get(world)
        if account is None:
            account = Account()
            async for task in self._tasks.all_of(world):
                account.add(task, may_have_ended=True)
            # Another request may have loaded the account meanwhile: the first one wins.
            account = self._accounts.setdefault(world, account)
        return account


def _now_ms(world: World) -> int:
    return world.clock.time_ns() // _NANOSECONDS_PER_MILLISECOND
