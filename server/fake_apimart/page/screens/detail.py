"""One request, one upload or one task, with all that is known of it."""

from __future__ import annotations

from typing import Any

from fake_apimart_storage import InvalidKey, ObjectNotFound
from starlette.responses import Response

from fake_apimart.control import refusals
from fake_apimart.page.rendering import answer
from fake_apimart.page.snippets.snippets import snippets_of
from fake_apimart.page.views.requests import RequestView, answered_with, request_of
from fake_apimart.page.views.tasks import task_of
from fake_apimart.page.views.uploads import upload_of
from fake_apimart.page.visit import PREFIX, Visit

REQUEST, EXCHANGE = f"{PREFIX}request", f"{PREFIX}exchange"
UPLOAD, TASK = f"{PREFIX}upload", f"{PREFIX}task"
REQUEST_ID = "x-oneapi-request-id"
MAX_SHOWN = 100
"""How many characters of what is not there the refusal states."""


async def show_request(visit: Visit) -> Response:
    """Answer with one entry of the journal. Raises `unknown`."""
    asked = visit.asked("id")
    found = await request_of(visit.service.worlds.state.journals, visit.world, asked)
    if found is None:
        raise refusals.unknown(f"request {asked[:MAX_SHOWN]}; a journal keeps the latest ones")
    return _request(visit, found)


async def show_exchange(visit: Visit) -> Response:
    """Answer with the entry of the request that was answered with this id. Raises `unknown`."""
    wanted, journals = visit.asked("id"), visit.service.worlds.state.journals
    found = await answered_with(journals, visit.world, REQUEST_ID, wanted)
    if found is None:
        raise refusals.unknown(f"request with the id {wanted[:MAX_SHOWN]}")
    return _request(visit, found)


def _request(visit: Visit, found: RequestView) -> Response:
    snippets = snippets_of(found.fields, visit.base_url)
    return _answer(visit, "request", 200, request=found, snippets=snippets)


async def show_upload(visit: Visit, status: int = 200, /, **told: Any) -> Response:
    """Answer with one upload, and what is `told` of a change. Raises `unknown`, `no_api_key`."""
    name, world = visit.asked("name"), visit.target.world_alone
    try:
        upload = await upload_of(visit.service, world, name)
    except (ObjectNotFound, InvalidKey):
        raise refusals.unknown(f"upload {name}") from None
    return _answer(visit, "upload", status, **told, upload=upload)


async def show_task(visit: Visit, status: int = 200, /, **told: Any) -> Response:
    """Answer with one task, and what is `told` of a change. Raises `unknown`, `no_api_key`."""
    task_id, world = visit.asked("id"), visit.target.world_alone
    task = await task_of(visit.service, world, task_id)
    if task is None:
        raise refusals.unknown(f"task {task_id}")
    return _answer(visit, "task", status, **told, task=task)


def _answer(visit: Visit, kind: str, status: int, /, **values: Any) -> Response:
    """Return one thing as a screen of its own, or without what is around it where htmx asks."""
    template = f"detail/{kind}.html" if visit.wants_part else "detail.html"
    told = {"screen": "live", "done": "", "problem": "", "kind": kind, **values}
    return answer(visit, template, status, **told)
