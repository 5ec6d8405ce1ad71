"""The paths of the page, and what every answer of it goes through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fake_apimart_storage import StorageError
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from fake_apimart.contract import errors
from fake_apimart.contract.api_error import ApiError
from fake_apimart.control import refusals
from fake_apimart.control.access import check_sender
from fake_apimart.control.api import FRONT_DOORS
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.machine.shortage import Shortage
from fake_apimart.observability.log import logger_of
from fake_apimart.page.access import SignInNeeded
from fake_apimart.page.rendering import HEADERS, answer
from fake_apimart.page.screens import (
    actions,
    control,
    detail,
    events,
    live,
    playground,
    reference,
    sign_in,
    static,
    thumbnail,
)
from fake_apimart.page.visit import HOME, PREFIX, Visit, unknown_visit_of, visit_of
from fake_apimart.worlds.state.failure import StateError

logger = logger_of(__name__)

Show = Callable[[Visit], Awaitable[Response]]


def add_to(app: FastAPI) -> None:
    """Give `app` the page."""
    app.router.routes += ROUTES


def _route(method: str | None, path: str, show: Show, *, is_open: bool = False) -> Route:
    """Return a route that lets in whom the page knows; or everybody, where it `is_open`.

    Without a method it is a route for all.
    """

    async def answer_visit(request: Request) -> Response:
        response = await _answer(unknown_visit_of(request), show, is_open=is_open)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    route = Route(path, answer_visit, methods=[method or "GET"], include_in_schema=False)
    if method is None:
        route.methods = None
    return route


async def _answer(visit: Visit, show: Show, *, is_open: bool) -> Response:
    request = visit.request
    try:
        check_sender(request, visit.service.settings)
        return await show(visit if is_open else await visit_of(request))
    except SignInNeeded:
        return _send_to_sign_in(visit)
    except ApiError as error:
        return _refuse(visit, error)
    except (StorageError, StateError, Shortage) as error:
        return _refuse(visit, refusals.failed(error))
    except HTTPException:
        return _refuse(visit, _nothing_at(visit))
    except Exception:
        logger.exception("fault in %s %s", request.method, request.url.path)
        return _refuse(visit, errors.internal_error())


def _send_to_sign_in(visit: Visit) -> Response:
    response = sign_in.show(visit)
    if visit.wants_part:
        response.headers["HX-Redirect"] = visit.root + HOME
    return response


def _refuse(visit: Visit, error: ApiError) -> Response:
    exchange_of(visit.request.scope).record.reason = error.message
    template = "problem.html" if visit.wants_part else "refusal.html"
    return answer(visit, template, error.status, screen="", problem=error.message)


def _nothing_at(visit: Visit) -> ApiError:
    path = exchange_of(visit.request.scope).paths.sent
    return refusals.unknown(f"{visit.request.method} {path}")


async def _go_home(visit: Visit) -> Response:
    return RedirectResponse(visit.root + HOME, 307)


async def _say_unknown(visit: Visit) -> Response:
    """Say that there is nothing, to those who may know what there is. Raises `unknown`."""
    raise _nothing_at(visit)


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
    _route("GET", static.FILE, static.show, is_open=True),
    *(_route("GET", path, _go_home, is_open=True) for path in FRONT_DOORS),
    *(_route(None, path, _say_unknown) for path in (PREFIX.rstrip("/"), f"{PREFIX}{{rest:path}}")),
]
