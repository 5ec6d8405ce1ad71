"""`/_fake/uploads`, `/_fake/tasks`: the contents of a world, regardless of its clock and rules."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from fake_apimart_storage import DamagedObject, InvalidKey, Listed, ObjectNotFound, StoredObject
from fastapi import APIRouter, Path, Request, Response

from fake_apimart.common.redaction import redacted_urls
from fake_apimart.common.waits import pausing
from fake_apimart.contract import file_url
from fake_apimart.contract.json_response import JSONListResponse
from fake_apimart.contract.operations import FILE_PREFIXES
from fake_apimart.control import refusals
from fake_apimart.control.access import ControlRoute
from fake_apimart.control.answers import TasksAnswer, UploadsAnswer
from fake_apimart.control.target import TargetDep
from fake_apimart.files.get import FileResponse
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.gateway.routes import ANYTHING
from fake_apimart.go.json import marshal
from fake_apimart.tasks.state import TaskState
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.world import World

router = APIRouter(prefix="/_fake", tags=["control: contents"], route_class=ControlRoute)


@router.get("/uploads", response_model=UploadsAnswer)
async def list_uploads(target: TargetDep) -> Response:
    """List the world's files, oldest first; this is not journaled."""
    world = target.world_of_key
    files = await target.service.index.files_of(world.name)
    encoded = [marshal(_upload_to_json(each, world)) async for each in pausing(files)]
    return JSONListResponse("uploads", encoded)


def _upload_to_json(upload: Listed, world: World) -> dict[str, Any]:
    assert upload.info is not None, "the index has none that is damaged"
    info, file = upload.info, StoredFile.from_info(upload.info)
    return {
        "name": info.key.removeprefix(file_url.KEY_PREFIX),
        "path": f"/f/{info.key}",
        "filename": file.name,
        "content_type": info.content_type,
        "bytes": upload.size,
        "created_at": file.created_at,
        "expires_at": file.expires_at,
        "alive": file.is_alive(world.clock.time_ns()),
    }


_BYTES_RESPONSE = {
    "description": "The file.",
    "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
}


@router.get(
    f"/uploads/{{name:{ANYTHING}}}",
    response_class=Response,
    responses={200: _BYTES_RESPONSE, 404: {}},
)
async def read_upload(
    name: Annotated[str, Path(description="As in the list, or in the file's URL.")],
    request: Request,
    target: TargetDep,
) -> Response:
    """Return a file's bytes, even if its URL has expired."""
    world = target.world_of_key
    # Not `name`, in which bytes that are not UTF-8 are lost.
    path = unquote_to_bytes(exchange_of(request.scope).paths.raw_path)
    key = file_url.key_at(FILE_PREFIXES[0].encode() + path.split(b"/", 3)[3])
    try:
        stored = await target.service.storage.get(key)
    except (ObjectNotFound, InvalidKey):
        raise refusals.unknown(f"upload {name}") from None
    if _owner_of(stored) != world.name:
        await stored.close()
        raise refusals.unknown(f"upload {name}")
    headers = {"Content-Length": str(stored.size), "Content-Type": stored.info.content_type}
    return FileResponse(stored, range(stored.size), HTTPStatus.OK, headers)


def _owner_of(stored: StoredObject) -> str | None:
    """Return the name of the world of a file, or None where nobody can tell."""
    try:
        return StoredFile.from_info(stored.info).world
    except DamagedObject:
        return None


@router.get("/tasks", response_model=TasksAnswer)
async def list_tasks(target: TargetDep) -> Response:
    """List the world's tasks in their current state, oldest first, without counting a poll."""
    world, service = target.world_of_key, target.service
    tasks = [task async for task in service.task_store.all_of(world)]
    tasks.sort(key=lambda task: task.id)
    encoded = [
        marshal(_task_to_json(task, await service.tasks.state(task, world)))
        async for task in pausing(tasks)
    ]
    return JSONListResponse("tasks", encoded)


def _task_to_json(task: Task, state: TaskState) -> dict[str, Any]:
    return {
        "id": task.id,
        "status": state.status,
        "progress": state.progress,
        "model": task.model,
        "prompt": redacted_urls(task.prompt),
        "width": task.width,
        "height": task.height,
        "images": len(task.image_keys),
        "references": [key.removeprefix(file_url.KEY_PREFIX) for key in task.reference_keys],
        "failure": task.failure,
        "cost": task.cost,
        "created": task.created,
    }
