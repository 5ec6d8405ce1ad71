"""Polls: a single task, a batch of tasks, and the page's own route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from fake_apimart.contract import errors
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.gateway.json_body import JSONBodies, parse_json
from fake_apimart.go.json import match_fields
from fake_apimart.settings.settings import Settings
from fake_apimart.tasks.answers import page_answer, poll_answer, task_data
from fake_apimart.tasks.ledger import Ledger
from fake_apimart.tasks.results import Results
from fake_apimart.tasks.state import Polls, TaskState, state_of
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.world import World

MAX_TASK_IDS = 100
"""How many tasks one batch may name (assumed)."""

_MILLISECONDS_PER_SECOND = 1000
_NANOSECONDS_PER_MILLISECOND = 1_000_000


class Tasks:
    """The operations `tasks.get` and `tasks.batch`.

    `note_poll` is told of polls that may end a task with a webhook.
    """

    def __init__(
        self,
        settings: Settings,
        bodies: JSONBodies,
        tasks: TaskStore,
        ledger: Ledger,
        results: Results,
        note_poll: Callable[[Task, World], None],
    ) -> None:
        self._settings = settings
        self._bodies = bodies
        self._tasks = tasks
        self._ledger = ledger
        self._results = results
        self._note_poll = note_poll

    async def get(self, exchange: Exchange) -> Response:
        """`GET /v1/tasks/{task_id}`. Raises `invalid_task_id`, StorageError."""
        return JSONResponse(poll_answer(await self._poll_from_path(exchange)))

    async def get_generation(self, exchange: Exchange) -> Response:
        """Answer `GET /v1/images/generations/{task_id}`, which the page's sample polls (page).

        Raises `invalid_task_id`, StorageError.
        """
        return JSONResponse(page_answer(await self._poll_from_path(exchange)))

    async def _poll_from_path(self, exchange: Exchange) -> dict[str, Any]:
        exchange.entry.task_id = task_id = exchange.parameters["task_id"]
        data = await self._poll(exchange, task_id)
        if data is None:
            raise errors.invalid_task_id(exchange.query("language"))
        return data

    async def batch(self, exchange: Exchange) -> Response:
        """Answer `POST /v1/tasks/batch`: the tasks in the order of their ids (assumed).

        Unknown ids are left out (assumed). Raises `invalid_parameter`, ClientDisconnect,
        StorageError.
        """
        async with self._bodies.reading(exchange) as body:
            task_ids = task_ids_of(body)
        found = [await self._poll(exchange, task_id) for task_id in task_ids]
        return JSONResponse(poll_answer([data for data in found if data is not None]))

    async def _poll(self, exchange: Exchange, task_id: str) -> dict[str, Any] | None:
        """Count a poll of a task and return its `data`, or None if its id is unknown."""
        world = exchange.world
        task = await self._tasks.get(world, task_id)
        if task is None:
            return None
        state = _state(task, world, await self._ledger.count_poll(task, world))
        if task.polls and task.webhook:
            self._note_poll(task, world)
        base_url = exchange.arrival.base_url(self._settings)
        return await self._data(task, state, world, base_url)

    async def state(self, task: Task, world: World) -> TaskState:
        """Return the state of a task without counting a poll. Raises StorageError."""
        return _state(task, world, await self._ledger.polls(task))

    async def finished_data(self, task: Task, world: World) -> dict[str, Any] | None:
        """Return the `data` of a task that has ended, or None; this does not count as a poll.

        Raises StorageError.
        """
        state = await self.state(task, world)
        if state.completed_ms is None:
            return None
        return await self._data(task, state, world, task.base_url)

    async def _data(
        self, task: Task, state: TaskState, world: World, base_url: str
    ) -> dict[str, Any]:
        if state.completed_ms is not None and task.failure is None:
            await self._results.ensure(task, state.completed_ms // _MILLISECONDS_PER_SECOND, world)
        return task_data(task, state, base_url)


def _state(task: Task, world: World, polls: Polls) -> TaskState:
    return state_of(task, world.clock.time_ns() // _NANOSECONDS_PER_MILLISECOND, polls)


def task_ids_of(body: bytes) -> list[str]:
    """Return the ids that a batch asks for. Raises `invalid_parameter`."""
    given = parse_json(body)
    fields, _ = match_fields(given if isinstance(given, dict) else {}, ["task_ids"])
    if "task_ids" not in fields:
        raise errors.invalid_parameter("task_ids is required")
    task_ids = fields["task_ids"]
    if not isinstance(task_ids, list) or not all(isinstance(each, str) for each in task_ids):
        raise errors.invalid_parameter("task_ids must be an array of strings")
    if len(task_ids) > MAX_TASK_IDS:
        raise errors.invalid_parameter(f"task_ids exceeds max {MAX_TASK_IDS}")
    return task_ids
