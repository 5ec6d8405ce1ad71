"""`POST /v1/images/generations`: create a task."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from fake_apimart.callbacks.callbacks import Callbacks
from fake_apimart.contract import response_version
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.gateway.json_body import JSONBodies
from fake_apimart.generation.idempotency import (
    REPLAYED_HEADER,
    Idempotency,
    digest_of,
    idempotency_key_of,
)
from fake_apimart.generation.planning import Planner
from fake_apimart.generation.request import GenerationRequest, parse_request
from fake_apimart.pictures.own_urls import OwnUrls
from fake_apimart.settings.settings import Settings
from fake_apimart.tasks.ledger import Ledger
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.faults import Step
from fake_apimart.worlds.world import World


class Generations:
    """The operation `generations.create`."""

    def __init__(
        self,
        settings: Settings,
        bodies: JSONBodies,
        ledger: Ledger,
        idempotency: Idempotency,
        planner: Planner,
        callbacks: Callbacks,
    ) -> None:
        self._settings = settings
        self._bodies = bodies
        self._ledger = ledger
        self._idempotency = idempotency
        self._planner = planner
        self._callbacks = callbacks

    async def create(self, exchange: Exchange) -> Response:
        """Answer with a new task, or with the one that the request's Idempotency-Key belongs to.

        Raises the ApiErrors of each step, ClientDisconnect, StorageError.
        """
        key = idempotency_key_of(exchange)
        async with self._bodies.reading(exchange) as body:
            return await self._create(exchange, key, body)

    async def _create(self, exchange: Exchange, key: str | None, body: bytes) -> Response:
        world = exchange.world
        if key is None:
            task = await self._new_task(exchange, body)
            await self._store(task, world)
            return self._answer(exchange, task.id)
        digest = await digest_of(body)
        async with self._idempotency.lock(world, key):
            task_id = await self._idempotency.find_task_id(world, key, digest)
            if task_id is not None:
                answer = self._answer(exchange, task_id)
                answer.headers[REPLAYED_HEADER] = "true"
                return answer
            task = await self._new_task(exchange, body)
            async with self._idempotency.booked(world, key, digest, task.id):
                await self._store(task, world)
        return self._answer(exchange, task.id)

    async def _store(self, task: Task, world: World) -> None:
        async with self._callbacks.booked(task, world):
            await self._ledger.store(task, world)

    async def _new_task(self, exchange: Exchange, body: bytes) -> Task:
        """Return the task that a request asks for; it is not stored yet."""
        world = exchange.world
        parsed = parse_request(
            body,
            offered=self._settings.models,
            accepts_base64=self._settings.accept_base64,
            default_outcome=world.settings.outcome,
        )
        exchange.entry.record_unread(parsed.unread)
        exchange.fire(Step.CHANNEL, model=parsed.model.id)
        return await self._plan(exchange, parsed)

    async def _plan(self, exchange: Exchange, parsed: GenerationRequest) -> Task:
        world = exchange.world
        base_url = exchange.arrival.base_url(self._settings)
        own_urls = OwnUrls(*exchange.arrival.own_base_urls(self._settings))
        return await self._planner.plan(parsed, world, base_url, own_urls, world.clock.time_ns())

    def _answer(self, exchange: Exchange, task_id: str) -> Response:
        exchange.entry.task_id = task_id
        if exchange.is_versioned:
            return self._versioned_answer(exchange, task_id)
        return JSONResponse(created_answer(task_id, exchange.world.settings.dialect))

    def _versioned_answer(self, exchange: Exchange, task_id: str) -> Response:
        base_url = exchange.arrival.base_url(self._settings)
        content = versioned_answer(task_id, base_url, exchange.request_id)
        headers = {response_version.HEADER: response_version.VERSION}
        return JSONResponse(content, 202, headers)


def created_answer(task_id: str, dialect: str) -> dict[str, Any]:
    """Return the answer to a create (live, docs), with the page's `id` in its dialect (page)."""
    content: dict[str, Any] = {
        "code": 200,
        "data": [{"status": "submitted", "task_id": task_id}],
    }
    if dialect == "page":
        content["id"] = task_id
    return content


def versioned_answer(task_id: str, base_url: str, request_id: str) -> dict[str, Any]:
    """Return the answer to a create that asks for the newer form (live)."""
    data = {
        "id": task_id,
        "task_id": task_id,
        "object": "generation.task",
        "status": "submitted",
        "poll_url": f"{base_url}/v1/tasks/{task_id}",
    }
    return {"code": 202, "data": data, "request_id": f"req_{request_id}"}
