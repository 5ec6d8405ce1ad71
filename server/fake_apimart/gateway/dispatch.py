"""Which handler answers which operation, and how what they raise is written out.

The vendor's routes are polled hundreds of times a second, and FastAPI's own layers around a route
cost as much as all that happens inside it. So they are looked up here, by the table of operations:
a path without parameters in a dict, any other by its pattern.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from re import Pattern

from fake_apimart_storage import StorageError
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from fake_apimart.common.clock import Clock
from fake_apimart.contract import errors, request_id, response_version
from fake_apimart.contract.api_key import bearer_key
from fake_apimart.contract.errors import ApiError
from fake_apimart.contract.operations import OPERATIONS
from fake_apimart.gateway import exchange as call
from fake_apimart.gateway.exchange import Call
from fake_apimart.gateway.gateway import SENT_PATH
from fake_apimart.http import connection
from fake_apimart.http.headers import header_of
from fake_apimart.http.socket_faults import Abandoned, send_broken
from fake_apimart.worlds.faults import AnsweredInstead
from fake_apimart.worlds.journal import Entry
from fake_apimart.worlds.registry import Worlds

Handler = Callable[[Request], Awaitable[Response]]
Route = tuple[str | None, Handler]
"""The name of an operation, None where there is none, and who answers."""

logger = logging.getLogger(__name__)


class _FileNameConvertor(PathConvertor):
    """Anything at all: a file name may hold a line end, which `path` does not match."""

    regex = "(?s:.*)"


register_url_convertor("file_name", _FileNameConvertor())


_STORE_ERRORS = {
    "uploads.create": errors.upload_failed,
    "files.get": errors.file_unavailable,
}
"""How a failure of the storage is stated, where not as the service being unavailable."""


class Api:
    """The operations of one dialect, each call of which belongs to a world."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        dialect: str,
        worlds: Worlds,
        clock: Clock,
        stopping: asyncio.Event,
    ) -> None:
        self._worlds = worlds
        self._clock = clock
        self._stopping = stopping
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: list[tuple[Pattern[str], tuple[str, ...], Route]] = []
        for operation in OPERATIONS:
            if dialect in operation.dialects:
                route = operation.name, handlers[operation.handler]
                for path in operation.paths:
                    self._add(path, operation.methods, route)

    def _add(self, path: str, methods: tuple[str, ...], route: Route) -> None:
        pattern, _, convertors = compile_path(path)
        if convertors:
            self._patterns.append((pattern, methods, route))
        for method in () if convertors else methods:
            self._exact[method, path] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation, handler = self._route(scope)
        request = Request(scope, receive, send)
        if operation == "health":
            await (await handler(request))(scope, receive, send)
            return
        entry = Entry(operation, scope["method"], scope[SENT_PATH])
        entry.query = scope["query_string"]
        entry.note_headers(scope["headers"])
        made = Call(operation or "", entry, self._worlds, self._clock, self._stopping)
        scope[call.SCOPE_KEY] = made
        try:
            response = await self._answer(request, made, handler)
            fault = made.fault_of_answer()
            if fault is None:
                await response(scope, receive, send)
            else:
                await send_broken(fault, response, request, send, self._stopping)
        except Abandoned as abandoned:
            connection.abandon(scope, reset=abandoned.reset)
        finally:
            made.leave()

    async def _answer(self, request: Request, made: Call, handler: Handler) -> Response:
        """The answer of an operation, or what is to be said in its place; the journal has it."""
        problem: str | None = None
        try:
            response = await self._respond(request, made, handler)
        except ApiError as error:
            response, problem = _render(request, error), error.message
        except AnsweredInstead as instead:
            response = _raw(instead)
        except StorageError as error:
            logger.error("the storage failed: %s", error)
            build = _STORE_ERRORS.get(made.operation, errors.service_unavailable)
            response, problem = _render(request, build()), str(error)
        except ClientDisconnect:
            # Nobody is left to be answered; the server only wants to see an answer.
            made.record(None, "the client went away")
            return Response()
        except Abandoned:
            raise
        except Exception:
            logger.exception("fault in %s %s", request.method, request.scope["path"])
            response, problem = _render(request, errors.internal_error()), "internal error"
        made.record(response.status_code, problem)
        return response

    async def _respond(self, request: Request, made: Call, handler: Handler) -> Response:
        # A file belongs to the world that uploaded it, whatever key was sent along.
        if made.operation != "files.get":
            made.key = bearer_key(header_of(request.scope, b"authorization") or "")
            world = await self._worlds.of_key(made.key) if made.key else self._worlds.server
            await made.enter(world, request)
        return await handler(request)

    def _route(self, scope: Scope) -> Route:
        method, path = scope["method"], scope["path"]
        route = self._exact.get((method, path))
        if route is not None:
            return route
        for pattern, methods, candidate in self._patterns:
            if method in methods and (match := pattern.match(path)):
                scope["path_params"] = match.groupdict()
                return candidate
        return None, _refuse_unrouted


def _render(request: Request, error: ApiError) -> Response:
    """The answer that states `error`, in the form that the request asked for."""
    operation = call.call_of(request).operation
    versioned = operation == "generations.create" and response_version.is_asked(request)
    answer = errors.render(error, request.scope[request_id.SCOPE_KEY], versioned=versioned)
    if versioned:
        answer.headers[response_version.HEADER] = response_version.VERSION
    return answer


def _raw(instead: AnsweredInstead) -> Response:
    """An answer as a rule has it, without any header that is not the rule's."""
    answer = instead.answer
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers.append(name, value)
    return response


async def _refuse_unrouted(request: Request) -> Response:
    """No operation at this path, or not by this method: 404 for both (live)."""
    raise errors.invalid_url(request.method, request.scope[SENT_PATH])
