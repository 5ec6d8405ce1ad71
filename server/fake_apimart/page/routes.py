"""The paths of the page, and what every answer of it goes through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fake_apimart_storage import StorageError
from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from fake_apimart.contract.api_error import ApiError
from fake_apimart.control import refusals
from fake_apimart.control.access import check_sender
from fake_apimart.control.api import FRONT_DOOR
from fake_apimart.control.target import service_of
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.page.access import SignInNeeded
from fake_apimart.page.rendering import STATIC, STATIC_URL, answer
from fake_apimart.page.screens import (
    actions,
    control,
    detail,
    events,
    live,
    playground,
    reference,
    sign_in,
    thumbnail,
)
from fake_apimart.page.visit import HOME, Visit, unknown_visit_of, visit_of
from fake_apimart.worlds.state.failure import StateError

Show = Callable[[Visit], Awaitable[Response]]


def add_to(app: FastAPI) -> None:
    """Give `app` the page."""
    app.router.routes += ROUTES


def _route(method: str, path: str, show: Show, *, is_open: bool = False) -> Route:
    """Return a route that lets in whom the page knows; or everybody, where it `is_open`."""

    async def answer_visit(request: Request) -> Response:
        check_sender(request, service_of(request).settings)
        visit = unknown_visit_of(request)
        try:
            return await show(visit if is_open else await visit_of(request))
        except SignInNeeded:
            return _send_to_sign_in(visit)
        except ApiError as error:
            return _refuse(visit, error)
        except (StorageError, StateError) as error:
            return _refuse(visit, refusals.storage_failed(str(error)))

    return Route(path, answer_visit, methods=[method], include_in_schema=False)


def _send_to_sign_in(visit: Visit) -> Response:
    response = sign_in.show(visit)
    if visit.wants_part:
        response.headers["HX-Redirect"] = visit.root + HOME
    return response


def _refuse(visit: Visit, error: ApiError) -> Response:
    exchange_of(visit.request.scope).record.reason = error.message
    template = "problem.html" if visit.wants_part else "refusal.html"
    return answer(visit, template, error.status, screen="", problem=error.message)


async def _go_home(request: Request) -> Response:
    root = exchange_of(request.scope).arrival.base_path(service_of(request).settings)
    return RedirectResponse(root + HOME, 307)


ROUTES: list[BaseRoute] = [
    _route("GET", HOME, live.show),
    _route("GET", live.NOW, live.show_now),
    _route("GET", live.EVENTS, events.stream),
    _route("GET", detail.REQUEST, detail.show_request),
    _route("GET", detail.EXCHANGE, detail.show_exchange),
    _route("GET", detail.UPLOAD, detail.show_upload),
    _route("GET", detail.TASK, detail.show_task),
    _route("GET", thumbnail.THUMBNAIL, thumbnail.show),
    _route("GET", playground.PLAYGROUND, playground.show),
    _route("GET", control.CONTROL, control.show),
    _route("GET", reference.REFERENCE, reference.show),
    _route("POST", f"{actions.DO}{{action}}", actions.do),
    _route("POST", sign_in.SIGN_IN, sign_in.sign_in, is_open=True),
    _route("POST", sign_in.SIGN_OUT, sign_in.sign_out, is_open=True),
    Mount(STATIC_URL, StaticFiles(directory=STATIC)),
    Route(HOME.removesuffix("/"), _go_home, include_in_schema=False),
    Route(FRONT_DOOR, _go_home, include_in_schema=False),
]
