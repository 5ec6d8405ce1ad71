"""`/_fake/clock`: the time in a world, and setting it."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.control import refusals
from fake_apimart.control.access import ControlRoute
from fake_apimart.control.answers import ClockAnswer
from fake_apimart.control.body import Body, example
from fake_apimart.control.target import TargetDep
from fake_apimart.worlds.clock import ClockState
from fake_apimart.worlds.world import World

router = APIRouter(prefix="/_fake/clock", tags=["control: clock"], route_class=ControlRoute)

LATEST_SECONDS = 9_000_000_000
"""The latest time in Unix seconds; beyond it the digits of file URLs would run out."""
MAX_DURATION_CHARACTERS = 100
"""The longest text that is read as a duration."""
_MICROSECONDS_PER_SECOND = 1_000_000
_NANOSECONDS_PER_SECOND = 1_000_000_000
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")


def _parse_duration(value: object) -> object:
    """Return a string such as `72h` or `1d12h` in seconds, and any other value unchanged."""
    if not isinstance(value, str):
        return value
    parts = _PART.findall(value) if len(value) <= MAX_DURATION_CHARACTERS else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError("expected seconds, or a duration such as 90s, 72h or 1d12h")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)


_DURATION_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": LATEST_SECONDS},
        {
            "type": "string",
            "pattern": rf"^({_PART.pattern})+$",
            "maxLength": MAX_DURATION_CHARACTERS,
        },
    ]
}
Duration = Annotated[
    float,
    BeforeValidator(_parse_duration),
    Field(ge=0, le=LATEST_SECONDS),
    WithJsonSchema(_DURATION_SCHEMA),
]


class ClockChange(Body):
    """Either `reset`, or any of `advance` or `at`, and `freeze`."""

    model_config = example(advance="72h")

    advance: Duration | None = Field(
        default=None,
        description="Move it ahead: seconds, or a duration such as 72h.",
        examples=["72h"],
    )
    at: float | None = Field(
        default=None, ge=0, le=LATEST_SECONDS, description="Make it this instant: Unix seconds."
    )
    freeze: bool | None = Field(default=None, description="Stop it, or let it run again.")
    reset: bool | None = Field(default=None, description="Back to the server's time.")

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.reset is False or not self.model_fields_set:
            raise ValueError("expected one of advance, at, freeze and reset: true")
        if self.reset and len(self.model_fields_set) > 1:
            raise ValueError("reset goes with no other field")
        if self.at is not None and self.advance is not None:
            raise ValueError("advance and at exclude each other")
        return self


@router.get("", response_model=ClockAnswer)
async def get_clock(target: TargetDep) -> Response:
    """Return the time of the key's world, or of the server."""
    return _answer(target.world_or_server)


@router.post("", response_model=ClockAnswer)
async def change_clock(change: ClockChange, target: TargetDep) -> Response:
    """Move, freeze or reset the clock; the server's clock moves those of all worlds with it."""
    world = target.world_or_server
    await target.state.change(world, partial(_apply, change, world))
    target.service.callbacks.note_clock(world)
    return _answer(world)


def _apply(change: ClockChange, world: World) -> None:
    """Change the clock of a world. Raises `invalid_call` where it would leave its range."""
    clock = world.clock
    if change.reset:
        clock.state = ClockState()
    if change.freeze is True and not clock.is_frozen:
        # Before it is set, since it would run on until it stands still.
        clock.freeze()
    if change.at is not None:
        clock.set(_nanoseconds(change.at))
    if change.advance is not None:
        clock.advance(_nanoseconds(change.advance))
    if change.freeze is False and clock.is_frozen:
        clock.resume()
    if not 0 <= clock.time_ns() <= LATEST_SECONDS * _NANOSECONDS_PER_SECOND:
        raise refusals.invalid_call(f"the clock ends at {LATEST_SECONDS} Unix seconds")


def _nanoseconds(seconds: float) -> int:
    """Return seconds in nanoseconds: of an instant, a float has whole microseconds alone."""
    return round(seconds * _MICROSECONDS_PER_SECOND) * 1000


def _answer(world: World) -> Response:
    clock = world.clock
    return JSONResponse(
        {"now": clock.time_ns() / _NANOSECONDS_PER_SECOND, "frozen": clock.is_frozen}
    )
