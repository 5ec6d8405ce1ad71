"""The outermost middleware: makes the exchange, answers for the gateway, finds the operation.

The vendor's operations go past FastAPI's and Starlette's own middleware, which would cost half as
much as a poll: they are looked up here, a path without parameters in a dict. All else goes through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fake_apimart.common.clock import Clock
from fake_apimart.common.randomness import Randomness
from fake_apimart.contract import operations, request_id
from fake_apimart.gateway import content_encoding
from fake_apimart.gateway.cors import Cors
from fake_apimart.gateway.dispatch import UNROUTED, Dispatch
from fake_apimart.gateway.exchange import SCOPE_KEY, Exchange
from fake_apimart.gateway.routes import OperationRoute
from fake_apimart.gateway.slashes import redirect

_REQUEST_ID = request_id.HEADER.lower().encode()


class Gateway:
    """Stands in front of `app`, and sends to it what `is_ours` says is no path of the vendor's.

    `is_ours` is given method and path.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Iterable[OperationRoute],
        dispatch: Dispatch,
        is_ours: Callable[[str, str], bool],
        cors: Cors,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._app = app
        self._dispatch = dispatch
        self._is_ours = is_ours
        self._cors = cors
        self._clock = clock
        self._randomness = randomness
        self._exact: dict[tuple[str, str], OperationRoute] = {}
        self._patterns: list[OperationRoute] = []
        for route in routes:
            if route.param_convertors:
                self._patterns.append(route)
            else:
                self._exact[route.method, route.path] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        new_id = request_id.new_request_id(self._clock.time_ns(), self._randomness)
        scope[SCOPE_KEY] = exchange = Exchange(scope, receive, send, new_id)
        receive, send = exchange.receive, exchange.send
        path = exchange.paths.path
        if path == "*" and exchange.method == "OPTIONS":
            # About the server as a whole (go).
            await Response()(scope, receive, send)
            return
        if self._is_ours(exchange.method, path):
            await self._app(scope, receive, send)
            return
        is_file = operations.is_file_path(path)
        has_origin = b"origin" in exchange.headers
        added = [] if is_file else [(_REQUEST_ID, new_id.encode())]
        if has_origin:
            added += self._cors.headers(is_file=is_file)
        answer = self._own_answer(exchange, is_file=is_file, has_origin=has_origin)
        if answer is None:
            answer = await content_encoding.undo(exchange)
        answer_with = answer or self._route(exchange, scope)
        await answer_with(scope, receive, _adding(added, send) if added else send)

    def _own_answer(
        self, exchange: Exchange, *, is_file: bool, has_origin: bool
    ) -> Response | None:
        """Return the answer where no operation is asked."""
        if exchange.method == "OPTIONS" and has_origin:
            return self._cors.preflight(exchange, is_file=is_file)
        if not is_file and exchange.paths.path.endswith("/"):
            return redirect(exchange)
        return None

    def _route(self, exchange: Exchange, scope: Scope) -> ASGIApp:
        """Return who answers: the operation's route, or the vendor's 404."""
        method, path = exchange.method, exchange.paths.path
        route = self._exact.get((method, path))
        if route is not None:
            return route.app
        for candidate in self._patterns:
            if method == candidate.method:
                match = candidate.path_regex.match(path)
                if match is not None:
                    scope["path_params"] = match.groupdict()
                    return candidate.app
        exchange.operation = UNROUTED
        return self._refuse_unrouted

    async def _refuse_unrouted(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope[SCOPE_KEY]
        await self._dispatch(exchange, scope, receive, send)


def _adding(headers: list[tuple[bytes, bytes]], send: Send) -> Send:
    """Return a `send` that adds headers to the answer's head."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return send_with_headers
