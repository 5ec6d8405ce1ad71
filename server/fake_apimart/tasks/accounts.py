"""What each world has spent: the cost of its completed tasks.

It is derived from the tasks themselves, like their state. A world's tasks are listed from the
storage with its first create or question for its balance, whatever its stored state says, which may
have been damaged; from then on this server adds the tasks that it creates itself.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from fake_apimart.contract import errors
from fake_apimart.contract.amounts import MINIMUM_BALANCE, round_amount
from fake_apimart.tasks.account import Account
from fake_apimart.tasks.state import Polls
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.world import World

_NANOSECONDS_PER_MILLISECOND = 1_000_000
_PAUSE_AFTER = 50
"""After how many tasks that are looked up other requests have their turn."""


class Accounts:
    """The accounts of all worlds, each loaded on first use."""

    def __init__(self, tasks: TaskStore, worlds: Worlds) -> None:
        self._tasks = tasks
        self._worlds = worlds
        self._accounts: WeakKeyDictionary[World, Account] = WeakKeyDictionary()

    async def store(self, task: Task, world: World) -> None:
        """Store a new task, and add it to the account of its world. Raises StorageError."""
        account = await self._account(world)
        await self._worlds.note_tasks(world)
        await self._tasks.put(task, world)
        account.add(task)
        if account.is_large:
            account.settle(_now_ms(world))

    async def require(self, world: World) -> None:
        """Raise `insufficient_balance` where less than the minimum is left; StorageError.

        The storage is asked at most where it depends on a task that is paced in polls. The tasks of
        a world whose state says that it has none are not looked for, since many worlds have none.
        """
        is_new = not world.has_tasks and world not in self._accounts
        if is_new and world.settings.balance >= MINIMUM_BALANCE:
            return
        account = await self._account(world)
        if world.settings.balance - account.committed > 2 * MINIMUM_BALANCE:
            # Without rounding, which only matters close to the minimum.
            return
        if _left(world, account.committed) >= MINIMUM_BALANCE:
            return
        remaining = await self.remaining(world)
        if remaining < MINIMUM_BALANCE:
            raise errors.insufficient_balance(world.token_id, remaining)

    async def spent(self, world: World) -> float:
        """Return the cost of the tasks that have completed by now. Raises StorageError."""
        account = await self._account(world)
        account.settle(_now_ms(world))
        to_look_up = account.take_to_look_up()
        while to_look_up:
            task_id = to_look_up.pop()
            try:
                polls = await self._tasks.polls_of(world, task_id)
            except BaseException:
                for each in (task_id, *to_look_up):
                    account.note_last_poll(each)
                raise
            if polls.reached_ms is not None:
                account.decide(task_id)
            if len(to_look_up) % _PAUSE_AFTER == _PAUSE_AFTER - 1:
                await asyncio.sleep(0)
        return account.spent

    async def count_poll(self, task: Task, world: World) -> Polls:
        """Count a poll of `task`, and return the polls before it. Raises StorageError."""
        polls = await self._tasks.count_poll(task, world)
        if polls.reached_ms is not None and (account := self._accounts.get(world)) is not None:
            account.note_last_poll(task.id)
        return polls

    async def remaining(self, world: World) -> float:
        """Return the remaining balance, at least 0. Raises StorageError."""
        return _left(world, await self.spent(world))

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


def _left(world: World, spent: float) -> float:
    """Return what is left of the world's balance, at least 0."""
    return max(0.0, round_amount(world.settings.balance - spent))
