"""`/_fake/uploads`, `/_fake/tasks`: the contents of a world, regardless of its clock and rules."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from fake_apimart_storage import InvalidKey, Listed, ObjectNotFound
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator, Field
from starlette.requests import ClientDisconnect

from fake_apimart.common.redaction import redacted_urls
from fake_apimart.common.waits import pausing
from fake_apimart.contract import file_url
from fake_apimart.contract.json_response import JSONListResponse, JSONResponse
from fake_apimart.contract.operations import FILE_PREFIXES
from fake_apimart.control import refusals
from fake_apimart.control.access import BytesRoute, ControlRoute
from fake_apimart.control.answers import TaskAnswer, TasksAnswer, UploadAnswer, UploadsAnswer
from fake_apimart.control.body import Body, check_short_text, example
from fake_apimart.control.target import Target, TargetDep
from fake_apimart.files.expire import FileHasExpired, expire, open_file
from fake_apimart.files.get import FileResponse
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.gateway.routes import ANYTHING
from fake_apimart.go.json import marshal
from fake_apimart.http.request_body import LimitedBody
from fake_apimart.tasks.ending import TaskHasEnded
from fake_apimart.tasks.state import TaskState
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.outcome import FAILED_ON_PURPOSE
from fake_apimart.worlds.world import World

router = APIRouter(prefix="/_fake", tags=["control: contents"], route_class=ControlRoute)


@router.get("/uploads", response_model=UploadsAnswer)
async def list_uploads(target: TargetDep) -> Response:
    """List the world's files, oldest first; this is not journaled."""
    world = target.world_alone
    files = await target.service.index.files_of(world.name)
    encoded = [marshal(_upload_to_json(each, world)) async for each in pausing(files)]
    return JSONListResponse("uploads", encoded)


def _upload_to_json(upload: Listed, world: World) -> dict[str, Any]:
    assert upload.info is not None, "the index has none that is damaged"
    info, file = upload.info, StoredFile.from_info(upload.info)
    return {
        "name": file_url.name_of(info.key),
        "path": file_url.path_of(info.key),
        "filename": file.name,
        "content_type": info.content_type,
        "bytes": upload.size,
        "created_at": file.created_at,
        "expires_at": file.expires_at,
        "alive": file.is_alive(world.clock.time_ns()),
    }


def _key_in(request: Request) -> str:
    """Return the key of the file that a call's path names, whose bytes may be no text."""
    path = unquote_to_bytes(exchange_of(request.scope).paths.raw_path)
    return file_url.key_at(FILE_PREFIXES[0].encode() + path.split(b"/", 4)[3])


FileName = Annotated[str, Path(description="As in the list, or in the file's URL.")]

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
    name: FileName,
    request: Request,
    target: TargetDep,
) -> Response:
    """Return a file's bytes, even if its URL has expired."""
    try:
        stored = await open_file(target.service.storage, target.world_alone, _key_in(request))
    except (ObjectNotFound, InvalidKey):
        raise refusals.unknown(f"upload {name}") from None
    headers = {"Content-Length": str(stored.size), "Content-Type": stored.info.content_type}
    return FileResponse(stored, range(stored.size), HTTPStatus.OK, headers)


async def add_upload(
    filename: Annotated[str, Query(min_length=1, description="As a client would send it.")],
    request: Request,
    target: TargetDep,
) -> Response:
    """Put a file into the world, past its rules, its rate and its journal; the body is the file."""
    world, service = target.world_alone, target.service
    body = LimitedBody(exchange_of(request.scope).body, service.settings.max_body_bytes)
    # Counts as a request in the world, which is not evicted meanwhile.
    world.running += 1
    try:
        added = await service.uploads.add(world, filename.encode("utf-8", "replace"), body)
        await target.state.settle(world)
    except ClientDisconnect:
        raise refusals.invalid_call("the body ended too early") from None
    finally:
        world.running -= 1
    return JSONResponse(_upload_to_json(added, world))


router.add_api_route(
    "/uploads",
    add_upload,
    methods=["POST"],
    response_model=UploadAnswer,
    route_class_override=BytesRoute,
)


@router.post(
    f"/uploads/{{name:{ANYTHING}}}/expire",
    response_model=UploadAnswer,
    responses={404: {}, 409: {}},
)
async def expire_upload(name: FileName, request: Request, target: TargetDep) -> Response:
    """Let the URL of a file be dead from now on, whatever the world's clock says."""
    world = target.world_alone
    try:
        expired = await expire(target.service.storage, target.state, world, _key_in(request))
    except (ObjectNotFound, InvalidKey):
        raise refusals.unknown(f"upload {name}") from None
    except FileHasExpired:
        raise refusals.over(f"upload {name} has expired already") from None
    return JSONResponse(_upload_to_json(expired, world))


@router.get("/tasks", response_model=TasksAnswer)
async def list_tasks(target: TargetDep) -> Response:
    """List the world's tasks in their current state, oldest first, without counting a poll."""
    world, service = target.world_alone, target.service
    tasks = [task async for task in service.task_store.all_of(world)]
    tasks.sort(key=lambda task: task.id)
    encoded = [
        marshal(_task_to_json(task, await service.tasks.state(task, world)))
        async for task in pausing(tasks)
    ]
    return JSONListResponse("tasks", encoded)


class Failing(Body):
    """How a task fails."""

    model_config = example(message="no cats today")

    message: Annotated[str, AfterValidator(check_short_text)] = Field(
        default=FAILED_ON_PURPOSE, description="What polls and the callback say."
    )


@router.post("/tasks/{task_id}/complete", response_model=TaskAnswer, responses={404: {}, 409: {}})
async def complete_task(task_id: str, target: TargetDep) -> Response:
    """Let a task complete now, with its pictures, its cost and its callback."""
    return await _end(target, task_id, None)


@router.post("/tasks/{task_id}/fail", response_model=TaskAnswer, responses={404: {}, 409: {}})
async def fail_task(task_id: str, failure: Failing, target: TargetDep) -> Response:
    """Let a task fail now, with its callback; it costs nothing."""
    return await _end(target, task_id, failure.message)


async def _end(target: Target, task_id: str, failure: str | None) -> Response:
    world, service = target.world_alone, target.service
    try:
        task = await service.ending.end(world, task_id, failure)
    except TaskHasEnded as status:
        raise refusals.over(f"task {task_id} is {status} already") from None
    if task is None:
        raise refusals.unknown(f"task {task_id}")
    service.callbacks.note_end(task, world)
    return JSONResponse(_task_to_json(task, await service.tasks.state(task, world)))


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
        "references": [file_url.name_of(key) for key in task.reference_keys],
        "failure": task.failure,
        "cost": task.cost,
        "created": task.created,
    }
