"""Which handler answers which operation, and how what they raise is written out.

The vendor's routes are polled hundreds of times a second, and FastAPI's own layers around a route
cost as much as all that happens inside it. So they are looked up here, by the table of operations:
a path without parameters in a dict, any other by its pattern.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from re import Pattern

from fake_apimart_storage import StorageError
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from fake_apimart import errors, request_id, response_version
from fake_apimart.errors import ApiError
from fake_apimart.gateway import SENT_PATH
from fake_apimart.operations import OPERATIONS

Handler = Callable[[Request], Awaitable[Response]]

logger = logging.getLogger("fake_apimart.api")


class _FileNameConvertor(PathConvertor):
    """Anything at all: a file name may hold a line end, which `path` does not match."""

    regex = "(?s:.*)"


register_url_convertor("file_name", _FileNameConvertor())


class Api:
    """The operations of one dialect."""

    def __init__(self, handlers: Mapping[str, Handler], dialect: str) -> None:
        self._exact: dict[tuple[str, str], Handler] = {}
        self._patterns: list[tuple[Pattern[str], tuple[str, ...], Handler]] = []
        for operation in OPERATIONS:
            if dialect in operation.dialects:
                for path in operation.paths:
                    self._add(path, operation.methods, handlers[operation.name])

    def _add(self, path: str, methods: tuple[str, ...], handler: Handler) -> None:
        pattern, _, convertors = compile_path(path)
        if convertors:
            self._patterns.append((pattern, methods, handler))
        for method in () if convertors else methods:
            self._exact[method, path] = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            response = await self._handler(scope)(request)
        except ApiError as error:
            response = _render(request, error)
        except StorageError as error:
            logger.error("the storage failed: %s", error)
            response = _render(request, errors.task_store_failed())
        except ClientDisconnect:
            # Nobody is left to be answered; the server only wants to see an answer.
            response = Response()
        except Exception:
            logger.exception("fault in %s %s", scope["method"], scope["path"])
            response = _render(request, errors.internal_error())
        await response(scope, receive, send)

    def _handler(self, scope: Scope) -> Handler:
        method, path = scope["method"], scope["path"]
        handler = self._exact.get((method, path))
        if handler is not None:
            return handler
        for pattern, methods, candidate in self._patterns:
            if method in methods and (match := pattern.match(path)):
                scope["path_params"] = match.groupdict()
                return candidate
        return _refuse_unrouted


def _render(request: Request, error: ApiError) -> Response:
    """The answer that states `error`, in the form that the request asked for."""
    versioned: bool = request.scope.get(response_version.SCOPE_KEY, False)
    answer = errors.render(error, request.scope[request_id.SCOPE_KEY], versioned=versioned)
    if versioned:
        answer.headers[response_version.HEADER] = response_version.VERSION
    return answer


async def _refuse_unrouted(request: Request) -> Response:
    """No operation at this path, or not by this method: 404 for both (live)."""
    return _render(request, errors.invalid_url(request.method, request.scope[SENT_PATH]))
