"""What one world has spent, and the tasks that may yet cost it something."""

from __future__ import annotations

import heapq

from fake_apimart.tasks.task import Task


class Account:
    """What is spent for good, and what is not yet decided."""

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
