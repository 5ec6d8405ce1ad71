"""`/_fake/world`, `/_fake/reset`, and what a world has: uploads and tasks."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from fake_apimart_storage import ObjectInfo, ObjectNotFound
from fastapi import APIRouter, Path, Request, Response
from pydantic import AfterValidator, Field, create_model

from fake_apimart import file_url
from fake_apimart.control import refusals
from fake_apimart.control.body import Body
from fake_apimart.control.target import TheBackend, WorldOfKey, WorldOrNone, WorldOrServer
from fake_apimart.operations import FILE_PREFIXES
from fake_apimart.rate_limit import parse_rate
from fake_apimart.settings import Settings
from fake_apimart.stored_file import file_of
from fake_apimart.task import Task
from fake_apimart.task_state import TaskState
from fake_apimart.world import World
from fake_apimart.world_settings import WorldSettings

router = APIRouter(prefix="/_fake", tags=["world"])

FILE_PATH = FILE_PREFIXES[0].encode()


def _rate(value: str) -> str:
    if value:
        try:
            parse_rate(value)
        except ValueError:
            raise ValueError("expected a rate such as 60/minute, or nothing for none") from None
    return value


def _setting(name: str) -> Any:
    """A setting as Settings has it, which may be null."""
    field = Settings.model_fields[name]
    checks = [AfterValidator(_rate)] if name == "rate_limit" else field.metadata
    kind: Any = Annotated[field.annotation, *checks]
    description = f"{field.description} null for the server's."
    return kind | None, Field(default=None, description=description)


WorldChanges = create_model(
    "WorldChanges",
    __base__=Body,
    **{field.name: _setting(field.name) for field in dataclasses.fields(WorldSettings)},
)


@router.get("/world")
async def get_world(world: WorldOrServer, backend: TheBackend) -> dict[str, Any]:
    """What holds in the key's world; or in the server, and how many worlds there are."""
    told: dict[str, Any] = {
        "settings": dataclasses.asdict(world.settings),
        "own_settings": world.changes,
        "journal": {"entries": len(world.journal.entries), "bytes": world.journal.bytes},
    }
    if world is backend.worlds.server:
        return {"world": None, "worlds": len(backend.worlds), **told}
    meaning = world.magic.meaning if world.magic else ""
    return {"world": world.name, "meaning": meaning, **told}


@router.patch("/world")
async def change_world(
    changes: WorldChanges,  # type: ignore[valid-type]
    world: WorldOrServer,
    backend: TheBackend,
) -> dict[str, Any]:
    """Set how the world's tasks go, what it has to spend, how often it may call."""
    given = changes.model_dump(exclude_unset=True)  # type: ignore[attr-defined]
    kept = {**world.changes, **given}
    world.changes = {name: value for name, value in kept.items() if value is not None}
    await backend.worlds.save(world)
    return await get_world(world, backend)


@router.delete("/world")
async def remove_world(world: WorldOfKey, backend: TheBackend) -> dict[str, Any]:
    """The world is gone altogether, until its key is used again."""
    await backend.reset.remove(world)
    return {"removed": world.name}


@router.post("/reset")
async def reset(world: WorldOrNone, backend: TheBackend) -> dict[str, Any]:
    """Forget uploads, tasks, faults, journal, clock, settings: of the world, or of all."""
    if world is None:
        await backend.reset.everything()
        return await get_world(backend.worlds.server, backend)
    return await get_world(await backend.reset.world(world), backend)


@router.post("/reset/journal")
async def reset_journal(world: WorldOrNone, backend: TheBackend) -> dict[str, Any]:
    """Forget what was asked, nothing else."""
    for each in [world] if world else [backend.worlds.server, *backend.worlds]:
        backend.worlds.clear_journal(each)
    return await get_world(world or backend.worlds.server, backend)


@router.post("/reset/faults")
async def reset_faults(world: WorldOrNone, backend: TheBackend) -> dict[str, Any]:
    """Forget the rules, but for those that a key's name says."""
    for each in [world] if world else [backend.worlds.server, *backend.worlds]:
        each.faults.clear()
    return await get_world(world or backend.worlds.server, backend)


@router.get("/uploads")
async def list_uploads(world: WorldOfKey, backend: TheBackend) -> dict[str, Any]:
    """The world's files in the order in which they came, whatever clock and faults say."""
    infos = await backend.index.of(world.name)
    return {"uploads": [_told_upload(info, world) for info in infos]}


def _told_upload(info: ObjectInfo, world: World) -> dict[str, Any]:
    file = file_of(info)
    return {
        "name": info.key.removeprefix(file_url.KEY_PREFIX),
        "path": f"/f/{info.key}",
        "filename": file.name,
        "content_type": info.content_type,
        "created_at": file.created_at,
        "expires_at": file.expires_at,
        "alive": file.is_alive(world.clock.time_ns()),
    }


@router.get("/uploads/{name:path}", response_class=Response)
async def read_upload(
    name: Annotated[str, Path(description="As in the list, or in the file's URL.")],
    request: Request,
    world: WorldOfKey,
    backend: TheBackend,
) -> Response:
    """A file's bytes, whatever clock and faults say."""
    # As it was sent, since a file's name may itself hold what looks like an escape.
    key = file_url.key_at(request.scope["raw_path"].replace(b"/_fake/uploads/", FILE_PATH, 1))
    try:
        stored = await backend.storage.get(key)
    except ObjectNotFound:
        raise refusals.unknown(f"upload {name}") from None
    async with stored:
        if file_of(stored.info).world != world.name:
            raise refusals.unknown(f"upload {name}")
        content = b"".join([chunk async for chunk in stored.chunks(0, stored.size)])
    return Response(content, media_type=stored.info.content_type)


@router.get("/tasks")
async def list_tasks(world: WorldOfKey, backend: TheBackend) -> dict[str, Any]:
    """The world's tasks, oldest first, as they stand; asking counts as no poll."""
    tasks = [task async for task in backend.task_store.all_of(world.name)]
    tasks.sort(key=lambda task: task.id)
    told = [_told_task(task, await backend.tasks.look(task, world)) for task in tasks]
    return {"tasks": told}


def _told_task(task: Task, state: TaskState) -> dict[str, Any]:
    return {
        "id": task.id,
        "status": state.status,
        "progress": state.progress,
        "model": task.model,
        "prompt": task.prompt,
        "width": task.width,
        "height": task.height,
        "images": len(task.image_keys),
        "references": [key.removeprefix(file_url.KEY_PREFIX) for key in task.reference_keys],
        "failure": task.failure,
        "cost": task.cost,
        "created": task.created,
    }
