"""What each world has spent: the cost of its completed tasks.

It is derived from the tasks themselves, like their state. A world's tasks are listed from the
storage on first use; from then on this server adds the tasks that it creates itself.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from fake_apimart.tasks.account import Account
from fake_apimart.tasks.state import state_of
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.world import World

_NANOSECONDS_PER_MILLISECOND = 1_000_000


class Accounts:
    """The accounts of all worlds, each loaded on first use."""

    def __init__(self, tasks: TaskStore) -> None:
        self._tasks = tasks
        self._accounts: WeakKeyDictionary[World, Account] = WeakKeyDictionary()

    async def add(self, task: Task, world: World) -> None:
        """Add a new task to the account of its world. Raises StorageError."""
        (await self._account(world)).add(task)

    async def spent(self, world: World) -> float:
        """Return the cost of the tasks that have completed by now. Raises StorageError."""
        account = await self._account(world)
        now_ms = world.clock.time_ns() // _NANOSECONDS_PER_MILLISECOND
        due = account.take_due(now_ms)
        while due:
            task = due.pop()
            try:
                state = state_of(task, now_ms, await self._tasks.polls(task))
            except BaseException:
                account.overdue += [task, *due]
                raise
            if state.completed_ms is None:
                account.overdue.append(task)
            elif task.failure is None:
                account.spent += task.cost
        return account.spent

    async def remaining(self, world: World) -> float:
        """Return the remaining balance, at least 0. Raises StorageError."""
        return max(0.0, world.settings.balance - await self.spent(world))

    async def _account(self, world: World) -> Account:
        account = self._accounts.get(world)
        if account is None:
            account = Account()
            async for task in self._tasks.all_of(world):
                account.add(task)
            # Another request may have loaded the account meanwhile: the first one wins.
            account = self._accounts.setdefault(world, account)
        return account
