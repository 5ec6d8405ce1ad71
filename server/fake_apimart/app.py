"""The ASGI application: which handler answers which operation, and how refusals are written."""

from __future__ import annotations

import logging

from fake_apimart_storage import Storage, StorageError
from fastapi import FastAPI
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from fake_apimart import errors, request_id, response_version
from fake_apimart.backend import Backend, Handler
from fake_apimart.clock import Clock, SystemClock
from fake_apimart.early_answer import EarlyAnswer
from fake_apimart.errors import ApiError
from fake_apimart.gateway import SENT_PATH, Gateway
from fake_apimart.operations import OPERATIONS
from fake_apimart.randomness import Randomness
from fake_apimart.settings import Settings

logger = logging.getLogger("fake_apimart.app")


def create_app(
    settings: Settings,
    storage: Storage,
    clock: Clock | None = None,
    randomness: Randomness | None = None,
) -> ASGIApp:
    """The server as an ASGI application, on a storage that is open for as long as it runs."""
    clock = clock or SystemClock()
    randomness = randomness or Randomness()
    backend = Backend(settings, storage, clock, randomness)
    app = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        lifespan=backend.lifespan,
        routes=_routes(backend.handlers(), settings.dialect),
        exception_handlers={
            ApiError: _refuse,
            StorageError: _admit_store_failure,
            HTTPException: _refuse_unrouted,
            ClientDisconnect: _leave,
            Exception: _admit_fault,
        },
    )
    gateway = Gateway(app, clock, randomness, file_cors=settings.file_cors)
    return EarlyAnswer(gateway)


class _FileNameConvertor(PathConvertor):
    """Anything at all: a file name may hold a line end, which `path` does not match."""

    regex = "(?s:.*)"


register_url_convertor("file_name", _FileNameConvertor())


def _routes(handlers: dict[str, Handler], dialect: str) -> list[BaseRoute]:
    return [
        Route(path, handlers[operation.name], methods=list(operation.methods))
        for operation in OPERATIONS
        if dialect in operation.dialects
        for path in operation.paths
    ]


def _render(request: Request, error: ApiError) -> Response:
    versioned = request.scope.get(response_version.SCOPE_KEY, False)
    answer = errors.render(error, request.scope[request_id.SCOPE_KEY], versioned=versioned)
    if versioned:
        answer.headers[response_version.HEADER] = response_version.VERSION
    return answer


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _render(request, error)


async def _refuse_unrouted(request: Request, error: Exception) -> Response:
    """No route matched, or none by this method: 404 for both (live)."""
    return _render(request, errors.invalid_url(request.method, request.scope[SENT_PATH]))


async def _admit_store_failure(request: Request, error: Exception) -> Response:
    logger.error("the storage failed: %s", error)
    return _render(request, errors.task_store_failed())


async def _admit_fault(request: Request, error: Exception) -> Response:
    return _render(request, errors.internal_error())


async def _leave(request: Request, error: Exception) -> Response:
    """The client is gone; what is answered here reaches nobody."""
    return Response()
