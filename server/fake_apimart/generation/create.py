"""`POST /v1/images/generations`: a task out of a request."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from fake_apimart.common.settings import Settings
from fake_apimart.contract import errors, file_url, request_id, response_version
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.gateway.admission import Admission
from fake_apimart.gateway.exchange import call_of
from fake_apimart.generation.idempotency import REPLAYED_HEADER, Idempotency, idempotency_key_of
from fake_apimart.generation.planning import Planner
from fake_apimart.generation.request import GenerationRequest, parse_request
from fake_apimart.http.headers import header_of
from fake_apimart.http.request_body import RequestBody
from fake_apimart.tasks.accounts import Accounts
from fake_apimart.tasks.callbacks import Webhooks
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.faults import Step
from fake_apimart.worlds.world import World

MAX_BODY_BYTES = 64 * 1024 * 1024
MOST_UNREAD = 20
"""How many unknown fields the journal tells of."""


class Generations:
    """The operation `generations.create`."""

    def __init__(
        self,
        settings: Settings,
        admission: Admission,
        tasks: TaskStore,
        accounts: Accounts,
        idempotency: Idempotency,
        planner: Planner,
        webhooks: Webhooks,
    ) -> None:
        self._settings = settings
        self._admission = admission
        self._tasks = tasks
        self._accounts = accounts
        self._idempotency = idempotency
        self._planner = planner
        self._webhooks = webhooks

    async def create(self, request: Request) -> Response:
        """A new task, or the one that the request's Idempotency-Key stands for.

        Raises the ApiErrors of each step, ClientDisconnect, StorageError.
        """
        versioned = response_version.is_asked(request)
        world = self._admission.admit(request)
        key = idempotency_key_of(request)
        body = await self._read(request)
        if key is None:
            return self._answer(request, await self._make(request, world, body), versioned)
        async with self._idempotency.turn(world, key):
            known = await self._idempotency.task_id(world, key, body)
            if known is not None:
                answer = self._answer(request, known, versioned)
                answer.headers[REPLAYED_HEADER] = "true"
                return answer
            made = await self._make(request, world, body)
            await self._idempotency.remember(world, key, body, made)
        return self._answer(request, made, versioned)

    async def _read(self, request: Request) -> bytes:
        body = RequestBody(request.scope, MAX_BODY_BYTES)
        content = await body.read()
        call_of(request).entry.note_body(content)
        if body.is_too_large:
            raise errors.invalid_parameter(f"the body is larger than {MAX_BODY_BYTES} bytes")
        return content

    async def _make(self, request: Request, world: World, body: bytes) -> str:
        """Plan and keep a new task; gives back its id."""
        call = call_of(request)
        parsed = parse_request(
            body,
            offered=self._settings.models,
            accepts_base64=self._settings.accept_base64,
            course=world.settings.course,
        )
        call.entry.unread = list(parsed.unread[:MOST_UNREAD])
        if await self._accounts.remaining(world) <= 0:
            raise errors.insufficient_balance()
        call.fire(Step.BALANCE)
        call.fire(Step.CHANNEL, model=parsed.model.id)
        task = await self._plan(request, parsed, world)
        await self._tasks.put(task, world)
        await self._accounts.add(task, world)
        if task.webhook:
            self._webhooks.expect(task, world)
        return task.id

    async def _plan(self, request: Request, parsed: GenerationRequest, world: World) -> Task:
        base_url = file_url.base_url_of(request, self._settings.public_url)
        own_hosts = {urlsplit(base_url).netloc, header_of(request.scope, b"host") or ""}
        return await self._planner.plan(parsed, world, base_url, own_hosts, world.clock.time_ns())

    def _answer(self, request: Request, task_id: str, versioned: bool) -> Response:
        call_of(request).entry.task_id = task_id
        if versioned:
            return self._versioned_answer(request, task_id)
        content: dict[str, Any] = {
            "code": 200,
            "data": [{"status": "submitted", "task_id": task_id}],
        }
        if self._settings.dialect == "page":
            content["id"] = task_id
        return JSONResponse(content)

    def _versioned_answer(self, request: Request, task_id: str) -> Response:
        base_url = file_url.base_url_of(request, self._settings.public_url)
        data = {
            "id": task_id,
            "task_id": task_id,
            "object": "generation.task",
            "status": "submitted",
            "poll_url": f"{base_url}/v1/tasks/{task_id}",
        }
        content = {
            "code": 202,
            "data": data,
            "request_id": f"req_{request.scope[request_id.SCOPE_KEY]}",
        }
        headers = {response_version.HEADER: response_version.VERSION}
        return JSONResponse(content, 202, headers)
