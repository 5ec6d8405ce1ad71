"""The outermost middleware: makes the exchange, answers for the gateway, finds the operation.

The vendor's operations go past FastAPI's and Starlette's own middleware, which would cost half as
much as a poll: they are looked up here, a path without parameters in a dict. All else goes through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fake_apimart.common.clock import Clock
from fake_apimart.common.randomness import Randomness
from fake_apimart.contract import operations, request_id
from fake_apimart.gateway import content_encoding
from fake_apimart.gateway.cors import Cors, is_foreign
from fake_apimart.gateway.dispatch import UNROUTED, Dispatch
from fake_apimart.gateway.exchange import SCOPE_KEY, Exchange
from fake_apimart.gateway.routes import OperationRoute
from fake_apimart.gateway.slashes import redirect
from fake_apimart.settings.settings import Settings
from fake_apimart.telemetry.metrics_table import CONTROL
from fake_apimart.telemetry.telemetry import Telemetry

_REQUEST_ID = request_id.HEADER.lower().encode()


class Gateway:
    """Stands in front of `app`, and sends to it what `is_ours` says is no path of the vendor's.

    `telemetry` is told of requests that a foreign server has received.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Iterable[OperationRoute],
        dispatch: Dispatch,
        is_ours: Callable[[Exchange], bool],
        settings: Settings,
        clock: Clock,
        randomness: Randomness,
        telemetry: Telemetry,
    ) -> None:
        self._app = app
        self._dispatch = dispatch
        self._is_ours = is_ours
        self._settings = settings
        self._cors = Cors(file_cors=settings.file_cors)
        self._clock = clock
        self._randomness = randomness
        self._telemetry = telemetry
        self._exact: dict[tuple[str, str], OperationRoute] = {}
        self._patterns: list[OperationRoute] = []
        for route in routes:
            if route.param_convertors:
                self._patterns.append(route)
            else:
                self._exact[route.method, route.path] = route

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        new_id = request_id.new_request_id(self._clock.time_ns(), self._randomness)
        clock = self._telemetry.clock
        scope[SCOPE_KEY] = exchange = Exchange(scope, receive, send, new_id, clock)
        if exchange.connection is None or self._telemetry.tracing is not None:
            return self._answer_observed(exchange, scope)
        return self._answer(exchange, scope)

    async def _answer_observed(self, exchange: Exchange, scope: Scope) -> None:
        """Answer within the request's span; under a foreign ASGI server, tell of the request."""
        record = exchange.record
        with self._telemetry.within(record, exchange.headers):
            try:
                await self._answer(exchange, scope)
            finally:
                if exchange.connection is None:
                    self._telemetry.ended(record)

    async def _answer(self, exchange: Exchange, scope: Scope) -> None:
        receive, send = exchange.receive, exchange.send
        path = exchange.paths.path
        if path == "*" and exchange.method == "OPTIONS":
            # About the server as a whole (go).
            await Response()(scope, receive, send)
            return
        if self._is_ours(exchange):
            exchange.record.operation = CONTROL
            await self._app(scope, receive, send)
            return
        is_file = operations.is_file_path(path)
        moved = None if is_file else redirect(exchange, self._settings, self._is_routed)
        if moved is not None:
            await moved(scope, receive, send)
            return
        added = exchange.added_headers
        if not is_file:
            exchange.record.request_id = exchange.request_id
            added.append((_REQUEST_ID, exchange.request_id.encode()))
        crosses_origins = is_foreign(exchange)
        answer: ASGIApp | None
        if crosses_origins:
            added += self._cors.headers(is_file=is_file)
        if crosses_origins and exchange.method == "OPTIONS":
            answer = self._cors.preflight(exchange, is_file=is_file)
        elif content_encoding.HEADER in exchange.headers:
            answer = await content_encoding.undo(exchange)
        else:
            answer = None
        answer_with = answer or self._route(exchange, scope)
        await answer_with(scope, receive, _adding(added, send) if added else send)

    def _route(self, exchange: Exchange, scope: Scope) -> ASGIApp:
        """Return who answers: the operation's route, or the vendor's 404."""
        found = self._find(exchange.method, exchange.paths.path)
        if found is None:
            exchange.operation = UNROUTED
            return self._refuse_unrouted
        route, parameters = found
        if parameters:
            scope["path_params"] = parameters
        return route.app

    def _find(self, method: str, path: str) -> tuple[OperationRoute, dict[str, str]] | None:
        """Return the route by `method` at `path`, and the path's parameters."""
        route = self._exact.get((method, path))
        if route is not None:
            return route, {}
        for candidate in self._patterns:
            if method == candidate.method:
                match = candidate.path_regex.fullmatch(path)
                if match is not None:
                    return candidate, match.groupdict()
        return None

    def _is_routed(self, method: str, path: str) -> bool:
        """Return whether there is an operation, as far as that is known before the key is."""
        found = self._find(method, path)
        return found is not None and self._dispatch.is_offered(found[0].operation)

    async def _refuse_unrouted(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope[SCOPE_KEY]
        await self._dispatch(exchange, scope, receive, send)


def _adding(headers: list[tuple[bytes, bytes]], send: Send) -> Send:
    """Return a `send` that adds headers to the answer's head, but what a rule has put there."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = message["headers"]
            names = {name for name, _ in given}
            message["headers"] = [*given, *(each for each in headers if each[0] not in names)]
        await send(message)

    return send_with_headers
