"""The control API's routes and errors, as part of the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fake_apimart_storage import StorageError
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from fake_apimart.common.redaction import redacted_text
from fake_apimart.contract import errors
from fake_apimart.contract.api_error import ApiError
from fake_apimart.contract.rendering import render
from fake_apimart.control import clock, contents, faults, refusals, requests, world
from fake_apimart.control.access import ControlRoute, check, check_for_whole_server
from fake_apimart.control.answers import ContractAnswer
from fake_apimart.control.target import service_of
from fake_apimart.gateway import health
from fake_apimart.gateway.exchange import Exchange, exchange_of
from fake_apimart.machine.shortage import Shortage, loading
from fake_apimart.observability.log import logger_of
from fake_apimart.openapi import pages
from fake_apimart.settings.names import variable_of
from fake_apimart.worlds.state.failure import StateError

if TYPE_CHECKING:
    from fake_apimart.telemetry.metrics import Metrics

PREFIX = "/_fake/"
FRONT_DOORS = ("/", PREFIX.rstrip("/"))
"""Where a browser is sent to the page, and all others get the vendor's 404."""
METRICS_PATH = f"{PREFIX}metrics"
OPENMETRICS = "application/openmetrics-text"
ROUTED = (world, clock, faults, requests, contents)
"""The modules whose calls there are."""

logger = logger_of(__name__)

_EXPOSITION: dict[str, Any] = {
    "description": "What was counted, as text.",
    "content": {
        OPENMETRICS: {"schema": {"type": "string"}},
        "text/plain": {
            "schema": {"type": "string"},
            "example": (
                "# HELP fake_apimart_worlds Worlds in memory, one for each API key in use.\n"
                "# TYPE fake_apimart_worlds gauge\n"
                "fake_apimart_worlds 1.0\n"
            ),
        },
    },
}

router = APIRouter(prefix=PREFIX.rstrip("/"), route_class=ControlRoute)

Handler = Callable[[Request, Exception], Awaitable[Response]]


def is_served(exchange: Exchange) -> bool:
    """Return whether a request is for the control API or a page of ours, not for the vendor's."""
    path = exchange.paths.path
    if path.startswith(PREFIX):
        return path not in (health.PATH, health.READY_PATH)
    if path in FRONT_DOORS:
        return exchange.method == "GET" and _is_by_browser(exchange)
    return path in pages.PUBLIC_PATHS and exchange.method in ("GET", "HEAD")


def _is_by_browser(exchange: Exchange) -> bool:
    """Return whether a person navigates, and no client of the vendor's asks."""
    return exchange.accepts_html and exchange.header(b"authorization") is None


def add_to(app: FastAPI) -> None:
    """Give `app` the control API, the OpenAPI document and its page."""
    for module in ROUTED:
        # `include_router` would have each call matched against routers first, then their routes.
        app.router.routes += module.router.routes
    app.router.routes += router.routes
    app.router.routes += pages.ROUTES
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def prepare() -> None:
    """Load what calls need later, when there may be no file descriptor left to load it."""
    await run_in_threadpool(lambda: None)


def _stated(request: Request, error: ApiError) -> Response:
    exchange_of(request.scope).record.reason = error.message
    return render(error, "")


@router.get("/contract", tags=["control: contract"], response_model=ContractAnswer)
async def contract() -> Response:
    """Return what is known of the vendor's API, as the cases that `fake-apimart verify` runs."""
    return Response(await run_in_threadpool(_cases), media_type="application/json")


def _cases() -> bytes:
    """Return all cases as JSON. Raises Shortage."""
    # Imported here because it costs a twentieth of the start, and few ask for the cases.
    with loading("yaml"):
        from fake_apimart.cases.published import as_json

        return as_json()


@router.get(
    "/metrics",
    tags=["control: metrics"],
    response_class=PlainTextResponse,
    responses={200: _EXPOSITION, 404: {}},
)
async def metrics(request: Request) -> Response:
    """Tell the metrics of the whole server, for Prometheus, or as OpenMetrics by `Accept`."""
    # A key is about its own world, and says nothing of the others.
    check_for_whole_server(request, service_of(request).settings)
    found: Metrics | None = request.app.telemetry.metrics
    if found is None:
        raise refusals.unknown(f"{METRICS_PATH}: {variable_of('metrics')} is off")
    found.refresh()
    accepted = request.headers.get("accept", "")
    content, media_type = await run_in_threadpool(found.exposition, accepted)
    return Response(content, headers={"Content-Type": media_type})


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _stated(request, error)


async def _refuse_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    message = "; ".join(map(_describe, error.errors()))
    return _stated(request, refusals.invalid_call(message))


def _describe(problem: Any) -> str:
    """Return one problem in a line: where it is, what was expected."""
    if problem["type"] == "json_invalid":
        return f"the body is not valid JSON: {problem['ctx']['error']}"
    place: Sequence[Any] = problem["loc"][1:]
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"{redacted_text('.'.join(map(str, place)))}: {reason}" if place else reason


async def _refuse_by_status(request: Request, error: Exception) -> Response:
    """State what FastAPI itself refuses: no such route, or a body that it cannot read.

    A caller without permission is refused before it learns which routes there are.
    """
    assert isinstance(error, HTTPException)
    try:
        check(request, service_of(request).settings)
    except ApiError as refusal:
        return _stated(request, refusal)
    if isinstance(error.__cause__, ApiError):
        # What refuses a body while FastAPI has it read.
        return _stated(request, error.__cause__)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        invalid = refusals.invalid_call(f"the body is not valid JSON: {error.detail}")
        return _stated(request, invalid)
    # As it was sent: without its doubled slashes a URL is not to be told from a path.
    path = exchange_of(request.scope).paths.sent
    what = f"{request.method} {path}; {pages.CONTROL_PAGE} lists what there is"
    return _stated(request, refusals.unknown(what))


async def _state_failure(request: Request, error: Exception) -> Response:
    return _stated(request, refusals.failed(error))


async def _state_fault(request: Request, error: Exception) -> Response:
    """State a fault of the server's own; the error is raised again behind this, and logged."""
    return _stated(request, errors.internal_error())


_HANDLERS: dict[type[Exception], Handler] = {
    ApiError: _refuse,
    RequestValidationError: _refuse_invalid,
    HTTPException: _refuse_by_status,
    StorageError: _state_failure,
    StateError: _state_failure,
    Shortage: _state_failure,
    Exception: _state_fault,
}
