"""`/_fake/world`, `/_fake/worlds`, `/_fake/reset`: a world's settings, all worlds, and resets."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, Field, create_model

from fake_apimart.common.rates import parse_rate
from fake_apimart.common.redaction import redacted_json
from fake_apimart.common.waits import pausing
from fake_apimart.contract.json_response import JSONListResponse, JSONResponse
from fake_apimart.control import refusals
from fake_apimart.control.access import ControlRoute, check_for_whole_server
from fake_apimart.control.answers import (
    KnownWorldsAnswer,
    RemovedAnswer,
    ResetAnswer,
    WorldAnswer,
)
from fake_apimart.control.body import Body, check_short_text, example
from fake_apimart.control.target import TargetDep, service_of
from fake_apimart.go.json import marshal
from fake_apimart.service.expiry import longest_lifetime
from fake_apimart.service.known_worlds import MAX_WORLDS
from fake_apimart.service.service import Service
from fake_apimart.settings.names import flag_of
from fake_apimart.settings.settings import Settings
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import MAX_LABEL_CHARACTERS, SERVER, World, check_label

router = APIRouter(prefix="/_fake", tags=["control: world"], route_class=ControlRoute)

_SETTINGS = tuple(field.name for field in dataclasses.fields(WorldSettings))


def _check_rate(value: str) -> str:
    if value:
        try:
            parse_rate(value)
        except ValueError:
            raise ValueError("expected a rate such as 60/minute, or nothing for none") from None
    return value


_CHECKS = {"rate_limit": _check_rate, "task_failure": check_short_text}


def _field(name: str) -> Any:
    """Return a field for a setting with its type and checks in Settings, and null allowed."""
    field = Settings.model_fields[name]
    own = _CHECKS.get(name)
    checks = [AfterValidator(own)] if own else field.metadata
    field_type: Any = Annotated[field.annotation, *checks] if checks else field.annotation
    description = f"{field.description} null for the server's."
    return field_type | None, Field(default=None, description=description)


_LABEL: Any = (
    Annotated[str, AfterValidator(check_label)] | None,
    Field(
        default=None,
        description=(
            "What the world is called in the log and here, such as the name of a test: "
            f"at most {MAX_LABEL_CHARACTERS} characters that print. null for nothing."
        ),
    ),
)


class _Changes(Body):
    model_config = example(task_seconds=0, balance=5, label="test_upload")


if TYPE_CHECKING:
    WorldChanges = Body
else:
    WorldChanges = create_model(
        "WorldChanges",
        __base__=_Changes,
        **{name: _field(name) for name in _SETTINGS},
        label=_LABEL,
    )


@router.get("/world", response_model=WorldAnswer)
async def get_world(target: TargetDep) -> Response:
    """Return the settings of the key's world; or the server's, with the number of worlds."""
    return await _answer(target.world_or_server, target.state)


async def _answer(world: World, state: State) -> Response:
    settings, journal = world.settings, await state.journals.size(world)
    answer: dict[str, Any] = {
        "settings": redacted_json({name: getattr(settings, name) for name in _SETTINGS}),
        "own_settings": redacted_json(world.overrides),
        "label": world.shown_label,
        "journal": {"entries": journal.entries, "bytes": journal.bytes},
    }
    if world.name == SERVER:
        return JSONResponse({"world": None, "worlds": await state.count(), **answer})
    meaning = world.magic.meaning if world.magic else ""
    return JSONResponse({"world": world.name, "meaning": meaning, **answer})


@router.get("/worlds", response_model=KnownWorldsAnswer)
async def list_worlds(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_WORLDS, description="The latest.")] = MAX_WORLDS,
) -> Response:
    """List all worlds that are known, the last used first."""
    service = service_of(request)
    # A key is about its own world, and says nothing of the others.
    check_for_whole_server(request, service.settings)
    found = await service.known.known_worlds(limit)
    return JSONListResponse("worlds", [marshal(each.to_json()) async for each in pausing(found)])


@router.patch("/world", response_model=WorldAnswer)
async def change_world(changes: WorldChanges, target: TargetDep) -> Response:
    """Set how tasks proceed, balance, rate, dialect, limit of size, lifetime of URLs, label."""
    world = target.world_or_server
    changed = changes.model_dump(exclude_unset=True)
    _check_lifetime(changed.get("url_ttl_seconds"), target.service)

    def override() -> None:
        merged = {**world.overrides, **changed}
        label = merged.pop("label", world.label)
        world.overrides = {name: value for name, value in merged.items() if value is not None}
        world.label = label or ""

    await target.state.change(world, override)
    return await _answer(world, target.state)


def _check_lifetime(seconds: int | None, service: Service) -> None:
    """Raise `invalid_call` for a lifetime that files would not reach in the storage."""
    if seconds is None or not service.storage.deletes_by_itself:
        return
    longest = longest_lifetime(service.settings)
    if seconds > longest:
        raise refusals.invalid_call(
            f"url_ttl_seconds: expected at most {longest}, since {service.storage.location} "
            "deletes older files by itself, by a rule that the server sets at its start: "
            f"start it with {flag_of('url_ttl_seconds')} {seconds}"
        )


@router.delete("/world", response_model=RemovedAnswer)
async def remove_world(target: TargetDep) -> Response:
    """Remove the world; it is created anew when its key is used again."""
    world = target.world_alone
    await target.service.reset.remove(world)
    return JSONResponse({"removed": world.name})


@router.post("/reset", response_model=ResetAnswer)
async def reset(target: TargetDep) -> Response:
    """Delete uploads, tasks, faults, journal, clock and settings of the world, or of all worlds."""
    service = target.service
    if target.world is None:
        await service.reset.everything()
    else:
        await service.reset.world(target.world)
    return JSONResponse({"reset": target.world and target.world.name})


@router.post("/reset/journal", response_model=WorldAnswer)
async def reset_journal(target: TargetDep) -> Response:
    """Clear the journal, and nothing else."""
    await target.state.journals.clear(target.world)
    return await _answer(target.world_or_server, target.state)


@router.post("/reset/faults", response_model=WorldAnswer)
async def reset_faults(target: TargetDep) -> Response:
    """Remove the rules, except those that a key's name implies."""
    await target.state.rules.clear(target.world)
    return await _answer(target.world_or_server, target.state)
