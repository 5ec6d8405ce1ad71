"""The control API as an application: its routes, its errors in one shape, its page."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fake_apimart_storage import StorageError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from fake_apimart import __version__, errors
from fake_apimart.backend import Backend
from fake_apimart.control import clock, contents, faults, refusals, requests, world

ROUTED = (world, clock, faults, requests, contents)
"""The modules whose calls there are."""

DOCS = "/_fake/docs"
OPENAPI = "/_fake/openapi.json"
ASSETS = "/_fake/swagger-ui"

_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fake-apimart: control API</title>
<link rel="stylesheet" href="{ASSETS}/swagger-ui.css">
<link rel="icon" href="data:,">
<div id="page"></div>
<script src="{ASSETS}/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({{url: "{OPENAPI}", dom_id: "#page", persistAuthorization: true}})</script>
"""

_DESCRIPTION = """
A call with an API key (Authorize) is about the world of that key. One without is about the whole
server: it is free where the server listens on loopback, else it needs the header
`X-Fake-Admin-Token`. What changes something must be `application/json`, an empty body too.
"""

logger = logging.getLogger("fake_apimart.control")

Handler = Callable[[Request, Exception], Awaitable[Response]]


def control_api(backend: Backend, stopping: asyncio.Event) -> FastAPI:
    """The control API of a server; waits end once `stopping` is set."""
    app = FastAPI(
        title="fake-apimart: control API",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.openapi = lambda: _with_keys(app)  # type: ignore[method-assign]
    app.state.backend = backend
    app.state.stopping = stopping
    for module in ROUTED:
        # `include_router` would have each call matched against routers first, then their routes.
        app.router.routes += module.router.routes
    app.add_route(DOCS, _page, include_in_schema=False)
    app.mount(ASSETS, StaticFiles(directory=Path(__file__).parents[1] / "swagger_ui"))
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


def _with_keys(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, and in it that calls may carry a key."""
    if app.openapi_schema is None:
        described = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        bearer = {"type": "http", "scheme": "bearer", "description": "An API key."}
        described["components"]["securitySchemes"] = {"key": bearer}
        described["security"] = [{"key": []}, {}]
        app.openapi_schema = described
    return app.openapi_schema


async def _page(request: Request) -> Response:
    return HTMLResponse(_PAGE)


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
    what = f"{request.method} {request.url.path}; {DOCS} lists what there is"
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
