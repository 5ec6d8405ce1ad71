"""The control API's routes and errors, as part of the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from fake_apimart_storage import StorageError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fake_apimart.contract import errors
from fake_apimart.contract.api_error import ApiError
from fake_apimart.contract.rendering import render
from fake_apimart.control import clock, contents, faults, refusals, requests, world
from fake_apimart.control.access import check
from fake_apimart.control.target import service_of
from fake_apimart.gateway import health
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.machine.shortage import Shortage
from fake_apimart.observability.log import logger_of
from fake_apimart.openapi import pages

PREFIX = "/_fake/"
ROUTED = (world, clock, faults, requests, contents)
"""The modules whose calls there are."""

logger = logger_of(__name__)

Handler = Callable[[Request, Exception], Awaitable[Response]]


def is_served(method: str, path: str) -> bool:
    """Return whether a request is for the control API or a page of ours, not for the vendor's."""
    if path.startswith(PREFIX):
        return path != health.PATH
    return path in pages.PUBLIC_PATHS and method in ("GET", "HEAD")


def add_to(app: FastAPI) -> None:
    """Give `app` the control API, the OpenAPI document and its page."""
    for module in ROUTED:
        # `include_router` would have each call matched against routers first, then their routes.
        app.router.routes += module.router.routes
    app.router.routes += pages.ROUTES
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def prepare() -> None:
    """Load what calls need later, when there may be no file descriptor left to load it."""
    await run_in_threadpool(is_served, "", "")


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return render(error, "")


async def _refuse_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    message = "; ".join(map(_describe, error.errors()))
    return render(refusals.invalid_call(message), "")


def _describe(problem: Any) -> str:
    """Return one problem in a line: where it is, what was expected."""
    if problem["type"] == "json_invalid":
        return f"the body is not valid JSON: {problem['ctx']['error']}"
    place: Sequence[Any] = problem["loc"][1:]
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"{'.'.join(map(str, place))}: {reason}" if place else reason


async def _refuse_by_status(request: Request, error: Exception) -> Response:
    """State what FastAPI itself refuses: no such route, or a body that it cannot read.

    A caller without permission is refused before it learns which routes there are.
    """
    assert isinstance(error, HTTPException)
    try:
        check(request, service_of(request).settings)
    except ApiError as refusal:
        return render(refusal, "")
    if isinstance(error.__cause__, ApiError):
        # What refuses a body while FastAPI has it read.
        return render(error.__cause__, "")
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return render(refusals.invalid_call(f"the body is not valid JSON: {error.detail}"), "")
    # As it was sent: without its doubled slashes a URL is not to be told from a path.
    path = exchange_of(request.scope).paths.sent
    what = f"{request.method} {path}; {pages.CONTROL_PAGE} lists what there is"
    return render(refusals.unknown(what), "")


async def _state_storage_failure(request: Request, error: Exception) -> Response:
    logger.error("the storage failed: %s", error)
    return render(refusals.storage_failed(str(error)), "")


async def _state_shortage(request: Request, error: Exception) -> Response:
    logger.error("not done: %s", error)
    return render(errors.service_unavailable(), "")


async def _state_fault(request: Request, error: Exception) -> Response:
    """State a fault of the server's own; the error is raised again behind this, and logged."""
    return render(errors.internal_error(), "")


_HANDLERS: dict[type[Exception], Handler] = {
    ApiError: _refuse,
    RequestValidationError: _refuse_invalid,
    HTTPException: _refuse_by_status,
    StorageError: _state_storage_failure,
    Shortage: _state_shortage,
    Exception: _state_fault,
}
