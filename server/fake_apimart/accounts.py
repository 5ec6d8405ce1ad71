"""What each world has spent: the cost of its completed tasks.

Derived from the tasks themselves, like their state. A world's tasks are listed once, when it is
first asked about; from then on this server keeps account of those that it takes itself.
"""

from __future__ import annotations

from fake_apimart.task import Task
from fake_apimart.task_state import state_of
from fake_apimart.task_store import TaskStore

_NANOSECONDS_PER_MILLISECOND = 1_000_000


class _Account:
    """What is spent for good, and the tasks that may yet cost something."""

    def __init__(self) -> None:
        self.spent = 0.0
        self.running: dict[str, Task] = {}


class Accounts:
    """The accounts of all worlds."""

    def __init__(self, tasks: TaskStore, start: float) -> None:
        self._tasks = tasks
        self._start = start
        self._accounts: dict[str, _Account] = {}

    async def add(self, task: Task, now_ns: int) -> None:
        """Keep account of a new task. Raises StorageError."""
        account = await self._account(task.world, now_ns)
        account.running[task.id] = task

    async def spent(self, world: str, now_ns: int) -> float:
        """What the tasks that have completed by now cost. Raises StorageError."""
        account = await self._account(world, now_ns)
        for task in list(account.running.values()):
            polls = await self._tasks.polls(task, now_ns)
            state = state_of(task, now_ns // _NANOSECONDS_PER_MILLISECOND, polls)
            if state.completed_ms is None or task.id not in account.running:
                continue
            del account.running[task.id]
            account.spent += task.cost if task.failure is None else 0
        return account.spent

    async def remaining(self, world: str, now_ns: int) -> float:
        """What is left, never less than nothing. Raises StorageError."""
        return max(0.0, self._start - await self.spent(world, now_ns))

    async def _account(self, world: str, now_ns: int) -> _Account:
        account = self._accounts.get(world)
        if account is None:
            account = _Account()
            async for task in self._tasks.all_of(world, now_ns):
                account.running[task.id] = task
            account = self._accounts.setdefault(world, account)
        return account
