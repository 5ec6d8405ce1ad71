"""From an operation to its answer: admission, the handler, errors written out, the journal."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from fake_apimart_storage import StorageError
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fake_apimart.common.clock import Clock
from fake_apimart.contract import errors, response_version
from fake_apimart.contract.api_error import ApiError
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.contract.operations import DIALECTS, KEY, Operation
from fake_apimart.contract.rendering import render
from fake_apimart.gateway.admission import Admission
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.http.socket_faults import Abandoned, broken
from fake_apimart.machine.shortage import Shortage
from fake_apimart.observability.log import logger_of
from fake_apimart.observability.storage_failures import tell
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.faults import AnswerOverridden, unavailable
from fake_apimart.worlds.kept import KeptAnswer, is_text
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.state.failure import StateError

Handler = Callable[[Exchange], Awaitable[Response]]

UNROUTED = Operation(name="", methods=(), paths=(), faults=())
"""Stands for a path that no operation is at, or not by this method."""

logger = logger_of(__name__)


class LifespanNotRun(RuntimeError):
    """A request came before the application was started."""

    def __init__(self) -> None:
        super().__init__(
            "fake-apimart has not been started: its lifespan must run before the first request. "
            "Servers and `with TestClient(app)` do that; elsewhere, as in the lifespan of an "
            "application that mounts it, use `async with app.router.lifespan_context(app)`"
        )


@dataclass(frozen=True, slots=True)
class Running:
    """What a server that runs answers with; `handlers` by the names in the table of operations."""

    handlers: Mapping[str, Handler]
    worlds: Worlds
    admission: Admission
    clock: Clock
    stopping: asyncio.Event


class OpenResponse(Response, ABC):
    """An answer that holds something open until it is sent; its body has so many bytes."""

    body_bytes: int

    @abstractmethod
    async def close(self) -> None:
        """Let go of it, where the answer is not sent."""


class _Outcome(NamedTuple):
    """An answer, what the journal says of its status, and what went wrong."""

    response: Response
    status: int | None
    problem: str | None = None


class Dispatch:
    """Runs operations while there is something `running`, which the application's lifespan sets."""

    def __init__(self) -> None:
        self.running: Running | None = None

    def is_offered(self, operation: Operation) -> bool:
        """Return whether an operation is there in the dialect of the server's own world."""
        running = self.running
        return running is None or running.worlds.server.settings.dialect in operation.dialects

    async def __call__(
        self, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer a request whose operation is known. Raises LifespanNotRun."""
        running = self.running
        if running is None:
            raise LifespanNotRun
        operation = exchange.operation
        if not operation.world and operation is not UNROUTED:
            await (await running.handlers[operation.handler](exchange))(scope, receive, send)
            return
        _begin(exchange, scope, running)
        try:
            response = await _answer(exchange, running)
            await _send(response, exchange, running, scope, receive, send)
        except Abandoned as abandoned:
            if exchange.connection is not None:
                exchange.connection.abandon(reset=abandoned.reset)
        finally:
            await exchange.leave()


def _begin(exchange: Exchange, scope: Scope, running: Running) -> None:
    """Put a request into the server's own world, until it is known whose it is."""
    name = exchange.operation.name or None
    entry = Entry(name, exchange.method, exchange.paths.sent, running.clock.time_ns())
    entry.query = exchange.query_string
    entry.record_headers(scope["headers"])
    exchange.begin(running.worlds.server, entry)


async def _answer(exchange: Exchange, running: Running) -> Response:
    """Return the answer of an operation, or what is said in its place; the journal has it."""
    try:
        outcome = await _outcome(exchange, running)
        if exchange.rule_of_answer is not None:
            # Now, since a journal that servers share is told of it with the rest of the entry.
            exchange.note_fired()
        exchange.record.reason = outcome.problem or exchange.record.reason
        if exchange.accepts_html and exchange.rule is not None and exchange.rule.says_what_is_sent:
            # That may be any script, at the origin of the page and the control API.
            outcome.response.headers.append("Content-Security-Policy", "sandbox")
        try:
            await running.worlds.record(
                exchange.world,
                exchange.entry,
                outcome.status,
                outcome.problem,
                None if outcome.status is None else _kept(outcome.response, exchange),
            )
        except BaseException:
            if isinstance(outcome.response, OpenResponse):
                await outcome.response.close()
            raise
    except StateError as error:
        logger.error("the shared state failed: %s", error)
        exchange.record.reason = str(error)
        return _render(exchange, unavailable(exchange.operation.name))
    return outcome.response


def _kept(response: Response, exchange: Exchange) -> KeptAnswer:
    """Return what the journal keeps of an answer.

    Its head is what the client gets but for what is known later, `Date` and `Connection`. A fault
    of the connection may cut what is kept whole.
    """
    # Of a name that comes twice, the last is shown.
    headers = [*exchange.added_headers, *response.raw_headers]
    status, is_head = response.status_code, exchange.method == "HEAD"
    # First, since it is quick and nearly all are of this kind.
    if isinstance(response, JSONResponse):
        body = b"" if is_head else response.body
        return KeptAnswer(status, headers, body, len(body), is_own=True)
    if isinstance(response, OpenResponse):
        return KeptAnswer(status, headers, None, 0 if is_head else response.body_bytes)
    body = b"" if is_head else bytes(response.body)
    return KeptAnswer(status, headers, body if is_text(headers) else None, len(body))


async def _outcome(exchange: Exchange, running: Running) -> _Outcome:
    """Return what came of a request. Raises StateError, which leaves nothing to be recorded."""
    try:
        return _said(await _handle(exchange, running))
    except ApiError as error:
        return _said(_render(exchange, error), error.message)
    except AnswerOverridden as instead:
        return _said(_raw(instead))
    except StorageError as error:
        tell(logger, "the storage failed", error)
        return _said(_render(exchange, exchange.operation.store_failure()), str(error))
    except Shortage as error:
        logger.error("not done: %s", error)
        return _said(_render(exchange, exchange.operation.store_failure()), str(error))
    except ClientDisconnect:
        # Foreign servers report this for a half-closed connection too, whose client still reads.
        answer = _render(exchange, errors.incomplete_body())
        return _Outcome(answer, None, "the client went away")
    except (Abandoned, StateError):
        raise
    except asyncio.CancelledError:
        if not running.stopping.is_set():
            raise
        return _said(_cut_short(exchange), "the server stopped")
    except Exception:
        logger.exception("fault in %s %s", exchange.method, exchange.paths.path)
        return _said(_render(exchange, errors.internal_error()), "internal error")


def _said(response: Response, problem: str | None = None) -> _Outcome:
    return _Outcome(response, response.status_code, problem)


def _cut_short(exchange: Exchange) -> Response:
    """Return the answer to a request that the server, which stops, waits for no longer (assumed).

    It ends the connection, so that nobody waits for what the client has not sent yet.
    """
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    response = _render(exchange, unavailable(exchange.operation.name))
    response.headers["Connection"] = "close"
    return response


async def _handle(exchange: Exchange, running: Running) -> Response:
    operation = exchange.operation
    if operation.dialects != DIALECTS and not await running.admission.is_offered(exchange):
        operation = exchange.operation = UNROUTED
        exchange.entry.operation = None
        exchange.record.operation = UNROUTED.name
    if operation is UNROUTED:
        await running.admission.refuse(exchange)
        raise errors.invalid_url(exchange.method, exchange.paths.sent)
    # A file belongs to the world that uploaded it, whatever key was sent along.
    if operation.world == KEY:
        await running.admission.admit(exchange)
    try:
        return await running.handlers[operation.handler](exchange)
    except ApiError:
        # What the handler has not read by now it never will.
        await running.admission.settle(exchange)
        raise


async def _send(
    response: Response,
    exchange: Exchange,
    running: Running,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Send an answer, broken as a rule says. Raises Abandoned where it is cut."""
    rule, connection = exchange.rule_of_answer, exchange.connection
    if rule is not None and rule.socket is not None and connection is not None:
        send = broken(rule.socket, rule.dribble, send, connection, running.stopping)
    await response(scope, receive, send)


def _render(exchange: Exchange, error: ApiError) -> Response:
    """Return the answer that states `error`, in the form that the request asked for."""
    versioned = exchange.is_versioned
    answer = render(error, exchange.request_id, versioned=versioned)
    if versioned:
        answer.headers[response_version.HEADER] = response_version.VERSION
    return answer


def _raw(instead: AnswerOverridden) -> Response:
    """Return an answer as a rule has it, without any header that is not the rule's."""
    answer = instead.answer
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers.append(name, value)
    return response
