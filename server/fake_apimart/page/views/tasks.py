"""The latest tasks, as they stand now: looking counts as no poll."""

from __future__ import annotations

from dataclasses import dataclass

from fake_apimart.common.redaction import redacted_urls, redacted_webhook
from fake_apimart.common.waits import HEAVY_BATCH, pausing
from fake_apimart.contract import file_url
from fake_apimart.service.service import Service
from fake_apimart.tasks.state import TaskState
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.world import World

COMPLETED = "completed"
ENDS = (COMPLETED, "failed")


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task in its present state.

    `pictures` are the names of its results once it is completed, `references` of its uploads.
    """

    task: Task
    state: TaskState
    world: World

    @property
    def id(self) -> str:
        """Its id."""
        return self.task.id

    @property
    def prompt(self) -> str:
        """Its prompt, without passwords in URLs."""
        return redacted_urls(self.task.prompt)

    @property
    def webhook(self) -> str:
        """Where its end is posted, without secrets; empty where it is not."""
        return redacted_webhook(self.task.webhook or "")

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state.status in ENDS

    @property
    def pictures(self) -> list[str]:
        """The names of its results, once there are some."""
        done = self.state.status == COMPLETED
        return [file_url.name_of(key) for key in self.task.image_keys] if done else []

    @property
    def references(self) -> list[str]:
        """The names of the uploads that it refers to."""
        return [file_url.name_of(key) for key in self.task.reference_keys]


@dataclass(frozen=True, slots=True)
class TaskList:
    """The latest tasks, newest first, and how many there are."""

    tasks: list[TaskView]
    count: int

    @property
    def is_moving(self) -> bool:
        """Whether one of them goes on by itself."""
        return not all(each.has_ended for each in self.tasks)


async def latest_tasks(service: Service, world: World | None, limit: int) -> TaskList:
    """Return the latest tasks of a world, or of all. Raises StorageError, StateError."""
    newest = await service.task_store.newest(world, limit)
    found = [
        await task_of(service, world or service.worlds.of_name(name), task_id)
        async for name, task_id in pausing(newest.ids, HEAVY_BATCH)
    ]
    return TaskList([each for each in found if each is not None], newest.total)


async def task_of(service: Service, world: World, task_id: str) -> TaskView | None:
    """Return one task, or None where the world has none of this id.

    Raises StorageError, StateError.
    """
    task = await service.task_store.get(world, task_id)
    return None if task is None else TaskView(task, await service.tasks.state(task, world), world)
