"""Thumbnails of uploads and results, for all screens."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from starlette.responses import Response

from fake_apimart.contract import file_url
from fake_apimart.page.thumbnails import Thumbnails, thumbnail_response
from fake_apimart.page.visit import PREFIX, Visit
from fake_apimart.service.service import Service

THUMBNAIL = f"{PREFIX}thumbnail"
_THUMBNAILS: WeakKeyDictionary[Service, Thumbnails] = WeakKeyDictionary()
"""Those of each server in this process."""
TASK = "task"
"""Names the task, where a picture is a result, which is drawn when it is first asked for."""


async def show(visit: Visit) -> Response:
    """Answer with the thumbnail of the file `name` of the world. Raises `no_api_key`."""
    service, world = visit.service, visit.target.world_alone
    if visit.asked(TASK):
        task = await service.task_store.get(world, visit.asked(TASK))
        if task is not None:
            await service.tasks.finished_data(task, world)
    thumbnails = _THUMBNAILS.setdefault(service, Thumbnails(service.storage, service.decoders))
    key = file_url.key_of(visit.asked("name"))
    return thumbnail_response(await thumbnails.of(world, key))
