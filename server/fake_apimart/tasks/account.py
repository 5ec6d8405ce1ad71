"""What one world has spent, and its tasks that may still cost something."""

from __future__ import annotations

import heapq

from fake_apimart.tasks.task import Task


class Account:
    """The amount that is spent for good, and the tasks whose cost is not yet decided.

    `committed` is what will be spent if all tasks complete: never less than `spent`.
    """

    def __init__(self) -> None:
        self.spent = 0.0
        self.committed = 0.0
        self.known_ids: set[str] = set()
        self.running: list[tuple[int, str, Task]] = []
        """A heap ordered by planned end, so that only tasks that are due are checked."""
        self.overdue: list[Task] = []
        """Tasks that are past their planned end and still wait for polls."""

    def add(self, task: Task) -> None:
        """Add a task, unless it is in the account already."""
        if task.id not in self.known_ids:
            self.known_ids.add(task.id)
            self.committed += task.cost
            heapq.heappush(self.running, (task.planned_end_ms, task.id, task))

    def take_due(self, now_ms: int) -> list[Task]:
        """Remove and return the tasks that may have ended by `now_ms`, in Unix milliseconds.

        The caller must put those that have not ended into `overdue`.
        """
        due, self.overdue = self.overdue, []
        while self.running and self.running[0][0] <= now_ms:
            due.append(heapq.heappop(self.running)[2])
        return due
