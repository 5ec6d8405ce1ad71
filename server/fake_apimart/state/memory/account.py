"""What one world has spent, and its tasks that may still cost something."""

from __future__ import annotations

import heapq
import itertools

from fake_apimart.tasks.task import Task

MAX_RUNNING = 10_000
"""How many tasks may be undecided before those that are due are settled without being asked for."""
CHECKED_AT_ONCE = 10
"""How many tasks that wait for polls are looked up at once, since another server may count them."""


class Account:
    """The amount that is spent for good, and the costs that are not yet decided.

    `committed` is what will be spent if all tasks complete: never less than `spent`. Of a task only
    its id and its cost are held. Its cost is decided at its end; where that is a poll's doing, the
    task waits for it, and costs no work meanwhile.
    """

    def __init__(self) -> None:
        self.spent = 0.0
        self.committed = 0.0
        self._running: list[tuple[int, str, float, bool]] = []
        """A heap of ends in Unix milliseconds, ids, costs, and whether only a poll ends it."""
        self._paced: set[str] = set()
        """Ids of the running tasks that only a poll ends."""
        self._early: set[str] = set()
        """Those of them of which a poll has been the last, or may have been."""
        self._waiting: dict[str, float] = {}
        """Costs of tasks that are past their planned end and wait for polls, by id."""
        self._ready: set[str] = set()
        """Those of them that a poll has ended, or may have."""

    def add(self, task: Task, *, may_have_ended: bool = False) -> None:
        """Add a task, once; `may_have_ended` where it is not known whether polls have ended it."""
        if task.failure is not None:
            return
        self.committed += task.cost
        heapq.heappush(self._running, (task.earliest_end_ms, task.id, task.cost, task.polls > 0))
        if task.polls:
            self._paced.add(task.id)
            if may_have_ended:
                self._early.add(task.id)

    def remove(self, task: Task) -> bool:
        """Remove a task as if it had not been added; return False where it is not undecided."""
        if task.failure is not None:
            return True
        others = [each for each in self._running if each[1] != task.id]
        if self._waiting.pop(task.id, None) is None and len(others) == len(self._running):
            return False
        heapq.heapify(others)
        self._running = others
        self.committed -= task.cost
        for ids in (self._paced, self._early, self._ready):
            ids.discard(task.id)
        return True

    @property
    def is_large(self) -> bool:
        """Whether so much is undecided that it should be settled."""
        return len(self._running) > MAX_RUNNING

    def settle(self, now_ms: int) -> None:
        """Decide the costs of tasks that have ended by `now_ms`, in Unix milliseconds."""
        while self._running and self._running[0][0] <= now_ms:
            _, task_id, cost, is_paced = heapq.heappop(self._running)
            if not is_paced:
                self.spent += cost
                continue
            self._paced.remove(task_id)
            self._waiting[task_id] = cost
            if task_id in self._early:
                self._early.remove(task_id)
                self._ready.add(task_id)

    def note_last_poll(self, task_id: str) -> None:
        """Note that a task has had the last poll that it needed."""
        if task_id in self._paced:
            self._early.add(task_id)
        elif task_id in self._waiting:
            self._ready.add(task_id)

    def take_to_look_up(self) -> list[str]:
        """Return the ids of tasks that polls may have ended: all that are known, few others.

        Which others changes with each call, so that each has its turn.
        """
        others = list(itertools.islice(self._waiting, CHECKED_AT_ONCE))
        for task_id in others:
            self._waiting[task_id] = self._waiting.pop(task_id)
        ready, self._ready = self._ready, set()
        return [*ready, *(each for each in others if each not in ready)]

    def decide(self, task_id: str) -> None:
        """Count the cost of a waiting task that has ended, once."""
        self.spent += self._waiting.pop(task_id, 0.0)
