"""The state of a task: a pure function of its plan, the time and the polls so far.

No background job advances a task: any server that reads the plan computes the same state.
"""

from __future__ import annotations

from typing import NamedTuple

from pydantic import TypeAdapter

from fake_apimart.common.stored_json import Count, Milliseconds
from fake_apimart.tasks.task import Task

STATES = {
    "submitted": "the answer to a create, never seen in a poll",
    "pending": "the first fifth of its course",
    "processing": "until the end, with a growing `progress`",
    "completed": "the end, with results",
    "failed": "the end, with an error",
    "cancelled": "a word of the vendor's that this server never says",
}
"""Every status that clients may meet (live), and when this server uses it."""

TRANSITIONS = {
    "submitted": ("pending", "processing", "completed", "failed"),
    "pending": ("processing", "completed", "failed"),
    "processing": ("completed", "failed"),
    "completed": (),
    "failed": (),
    "cancelled": (),
}
"""The statuses that a later poll may see after each status."""

_NANOSECONDS_PER_MILLISECOND = 1_000_000
PROCESSING_FROM = 0.2
"""The share of its duration after which a task is `processing` instead of `pending`."""
LAST_PROGRESS = 99
"""The highest progress of a task that has not ended, in percent."""


class Polls(NamedTuple):
    """How often a task was polled before, counted up to the number of polls that it takes.

    `reached_ms` is when the first poll beyond that number came, in Unix milliseconds, or None.
    """

    so_far: Count = 0
    reached_ms: Milliseconds | None = None

    def after_one(self, needed: int, now_ns: int) -> Polls:
        """Return the polls after another one at `now_ns`, of a task that takes `needed` polls."""
        if self.reached_ms is not None:
            return self
        if self.so_far >= needed:
            return self._replace(reached_ms=now_ns // _NANOSECONDS_PER_MILLISECOND)
        return self._replace(so_far=self.so_far + 1)


POLLS = TypeAdapter(Polls)
"""The shape of polls as they are stored."""


class TaskState(NamedTuple):
    """A status, the progress in percent, and the end in Unix milliseconds, or None before it."""

    status: str
    progress: int
    completed_ms: int | None = None


def state_of(task: Task, now_ms: int, polls: Polls) -> TaskState:
    """Return the state of `task` at `now_ms`, in Unix milliseconds, after `polls`."""
    elapsed = max(0, now_ms - task.created_ms) / 1000
    by_time = elapsed / task.seconds if task.seconds > 0 else 1.0
    by_polls = polls.so_far / task.polls if task.polls else 1.0
    if task.polls and polls.reached_ms is None:
        # Only a poll ends such a task, because the time of that poll is the time of completion.
        by_polls = min(by_polls, LAST_PROGRESS / 100)
    share = min(by_time, by_polls)
    if share >= 1:
        completed = max(task.planned_end_ms, polls.reached_ms or 0)
        return TaskState("completed" if task.failure is None else "failed", 100, completed)
    if share < PROCESSING_FROM:
        return TaskState("pending", 0)
    return TaskState("processing", min(LAST_PROGRESS, int(share * 100)))
