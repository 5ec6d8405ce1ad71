"""What worlds have spent, and the polls of their tasks: the interface of who keeps count."""

from __future__ import annotations

from abc import ABC, abstractmethod

from fake_apimart.tasks.state import Polls
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.world import World


class Ledger(ABC):
    """Counts costs and polls. Every method raises StorageError and StateError.

    The cost of a task is spent once it has completed, by its world's clock and its polls.
    """

    @abstractmethod
    async def store(self, task: Task, world: World) -> None:
        """Store a new task, and commit its cost."""

    @abstractmethod
    async def replace(self, task: Task, ended: Task, world: World) -> None:
        """Store `ended` in place of a `task` that has not ended, and commit its cost instead."""

    @abstractmethod
    async def committed(self, world: World) -> float:
        """Return what will be spent if all tasks complete: never less than what is spent.

        The tasks of a world of which it is known that it has none are not looked for.
        """

    @abstractmethod
    async def spent(self, world: World) -> float:
        """Return the cost of the tasks that have completed by now."""

    @abstractmethod
    async def polls(self, task: Task) -> Polls:
        """Return the polls of `task` so far, without counting one."""

    @abstractmethod
    async def count_poll(self, task: Task, world: World) -> Polls:
        """Count a poll of `task`, and return the polls before it."""
