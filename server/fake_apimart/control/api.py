"""The control API as an application: its routes, and its errors in one shape."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from fake_apimart_storage import StorageError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from fake_apimart import __version__
from fake_apimart.contract import errors
from fake_apimart.control import clock, contents, faults, openapi, refusals, requests, world
from fake_apimart.service.service import Backend

ROUTED = (world, clock, faults, requests, contents)
"""The modules whose calls there are."""

logger = logging.getLogger(__name__)

Handler = Callable[[Request, Exception], Awaitable[Response]]


def control_api(backend: Backend, stopping: asyncio.Event) -> FastAPI:
    """The control API of a server; waits end once `stopping` is set."""
    app = FastAPI(
        title="fake-apimart: control API",
        version=__version__,
        description=openapi.DESCRIPTION,
        openapi_url=openapi.URL,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.openapi = functools.cache(functools.partial(openapi.described, app))  # type: ignore[method-assign]
    app.state.backend = backend
    app.state.stopping = stopping
    for module in ROUTED:
        # `include_router` would have each call matched against routers first, then their routes.
        app.router.routes += module.router.routes
    app.add_route(openapi.PAGE_URL, openapi.page, include_in_schema=False)
    app.mount(openapi.ASSETS_URL, StaticFiles(directory=openapi.ASSETS))
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


async def _render(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ApiError)
    return errors.render(error, "")


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    message = "; ".join(map(_described, error.errors()))
    return errors.render(refusals.invalid_call(message), "")


def _described(problem: Any) -> str:
    """One problem in a line: where it is, what was expected."""
    if problem["type"] == "json_invalid":
        return f"the body is not valid JSON: {problem['ctx']['error']}"
    place: Sequence[Any] = problem["loc"][1:]
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"{'.'.join(map(str, place))}: {reason}" if place else reason


async def _refuse_by_status(request: Request, error: Exception) -> Response:
    """What FastAPI itself refuses: no such route, or a body that it cannot read."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return errors.render(
            refusals.invalid_call(f"the body is not valid JSON: {error.detail}"), ""
        )
    what = f"{request.method} {request.url.path}; {openapi.PAGE_URL} lists what there is"
    return errors.render(refusals.unknown(what), "")


async def _say_what_failed(request: Request, error: Exception) -> Response:
    logger.error("the storage failed: %s", error)
    return errors.render(refusals.storage_failed(str(error)), "")


_HANDLERS: dict[type[Exception], Handler] = {
    errors.ApiError: _render,
    RequestValidationError: _refuse,
    HTTPException: _refuse_by_status,
    StorageError: _say_what_failed,
}
