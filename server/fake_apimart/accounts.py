"""What each world has spent: the cost of its completed tasks.

Derived from the tasks themselves, like their state. A world's tasks are listed once, when it is
first asked about; from then on this server keeps account of those that it takes itself.
"""

from __future__ import annotations

import heapq

from fake_apimart.task import Task
from fake_apimart.task_state import state_of
from fake_apimart.task_store import TaskStore

_NANOSECONDS_PER_MILLISECOND = 1_000_000


class _Account:
    """What is spent for good, and the tasks that may yet cost something."""

    def __init__(self) -> None:
        self.spent = 0.0
        self.known: set[str] = set()
        self.running: list[tuple[int, str, Task]] = []
        """A heap by the instant of the planned end: only tasks that are due are looked at."""
        self.overdue: list[Task] = []
        """Those that wait for polls beyond it."""

    def add(self, task: Task) -> None:
        if task.id not in self.known:
            self.known.add(task.id)
            heapq.heappush(self.running, (task.planned_end_ms, task.id, task))

    def take_due(self, now_ms: int) -> list[Task]:
        """The tasks that may have ended by now; those that have not are to be put back."""
        due, self.overdue = self.overdue, []
        while self.running and self.running[0][0] <= now_ms:
            due.append(heapq.heappop(self.running)[2])
        return due


class Accounts:
    """The accounts of all worlds."""

    def __init__(self, tasks: TaskStore, start: float) -> None:
        self._tasks = tasks
        self._start = start
        self._accounts: dict[str, _Account] = {}

    async def add(self, task: Task, now_ns: int) -> None:
        """Keep account of a new task. Raises StorageError."""
        (await self._account(task.world, now_ns)).add(task)

    async def spent(self, world: str, now_ns: int) -> float:
        """What the tasks that have completed by now cost. Raises StorageError."""
        account = await self._account(world, now_ns)
        now_ms = now_ns // _NANOSECONDS_PER_MILLISECOND
        due = account.take_due(now_ms)
        while due:
            task = due.pop()
            try:
                state = state_of(task, now_ms, await self._tasks.polls(task, now_ns))
            except BaseException:
                account.overdue += [task, *due]
                raise
            if state.completed_ms is None:
                account.overdue.append(task)
            elif task.failure is None:
                account.spent += task.cost
        return account.spent

    async def remaining(self, world: str, now_ns: int) -> float:
        """What is left, never less than nothing. Raises StorageError."""
        return max(0.0, self._start - await self.spent(world, now_ns))

    async def _account(self, world: str, now_ns: int) -> _Account:
        account = self._accounts.get(world)
        if account is None:
            account = _Account()
            async for task in self._tasks.all_of(world, now_ns):
                account.add(task)
            account = self._accounts.setdefault(world, account)
        return account
