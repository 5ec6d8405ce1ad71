"""Where a task stands: a function of its plan, the time and the polls so far, and of nothing else.

No background job moves a task: any server that reads the plan gives the same answer.
"""

from __future__ import annotations

from typing import NamedTuple

from fake_apimart.tasks.task import Task

STATES = {
    "submitted": "the answer to a create, never seen in a poll",
    "pending": "the first fifth of its course",
    "processing": "until the end, with a growing `progress`",
    "completed": "the end, with results",
    "failed": "the end, with an error",
    "cancelled": "a word of the vendor's that this server never says",
}
"""Every status word that clients may meet (live), and when this server says it."""

MOVES = {
    "submitted": ("pending", "processing", "completed", "failed"),
    "pending": ("processing", "completed", "failed"),
    "processing": ("completed", "failed"),
    "completed": (),
    "failed": (),
    "cancelled": (),
}
"""Which status may follow which, from one poll to a later one."""

PROCESSING_FROM = 0.2
LAST_PROGRESS = 99


class Polls(NamedTuple):
    """How often a task was asked for before, and when the poll came that reached its number."""

    so_far: int = 0
    reached_ms: int | None = None


class TaskState(NamedTuple):
    """A status word, percent, and, at the end, when that was in milliseconds."""

    status: str
    progress: int
    completed_ms: int | None = None


def state_of(task: Task, now_ms: int, polls: Polls) -> TaskState:
    """Where `task` stands at `now_ms`, after `polls`."""
    elapsed = max(0, now_ms - task.created_ms) / 1000
    by_time = elapsed / task.seconds if task.seconds > 0 else 1.0
    by_polls = polls.so_far / task.polls if task.polls else 1.0
    if task.polls and polls.reached_ms is None:
        # Only a poll ends such a task, and says when that was.
        by_polls = min(by_polls, LAST_PROGRESS / 100)
    share = min(by_time, by_polls)
    if share >= 1:
        completed = max(task.planned_end_ms, polls.reached_ms or 0)
        return TaskState("completed" if task.failure is None else "failed", 100, completed)
    if share < PROCESSING_FROM:
        return TaskState("pending", 0)
    return TaskState("processing", min(LAST_PROGRESS, int(share * 100)))
