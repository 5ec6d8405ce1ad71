"""`/_fake/clock`: what time it is in a world, and making it another."""

from __future__ import annotations

import re
from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import BeforeValidator, Field, model_validator

from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.control import refusals
from fake_apimart.control.access import ControlRoute
from fake_apimart.control.answers import ClockAnswer
from fake_apimart.control.body import Body, example
from fake_apimart.control.target import TheTarget
from fake_apimart.worlds.clock import ClockState
from fake_apimart.worlds.world import World

router = APIRouter(prefix="/_fake/clock", tags=["control: clock"], route_class=ControlRoute)

LATEST_SECONDS = 9_000_000_000
"""After the Unix epoch; beyond it the digits of file URLs run out."""
_NANOSECONDS = 1_000_000_000
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def _duration(given: object) -> object:
    """Seconds of a text such as `72h` or `1d12h`; what is no text is as it was."""
    if not isinstance(given, str):
        return given
    parts = _PART.findall(given)
    if not parts or "".join(number + unit for number, unit in parts) != given:
        raise ValueError("expected seconds, or a duration such as 90s, 72h or 1d12h")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


Duration = Annotated[float, BeforeValidator(_duration), Field(ge=0, le=LATEST_SECONDS)]


class ClockChange(Body):
    """`reset` alone; or `advance` or `at`, and with it or alone `freeze`."""

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
    def _make_sense(self) -> Self:
        if self.reset is False or not self.model_fields_set:
            raise ValueError("expected one of advance, at, freeze and reset: true")
        if self.reset and len(self.model_fields_set) > 1:
            raise ValueError("reset goes with no other field")
        if self.at is not None and self.advance is not None:
            raise ValueError("advance and at exclude each other")
        return self


@router.get("", response_model=ClockAnswer)
async def get_clock(target: TheTarget) -> Response:
    """Return the time of the key's world, or of the server."""
    return _answer(target.world_or_server)


@router.post("", response_model=ClockAnswer)
async def change_clock(change: ClockChange, target: TheTarget) -> Response:
    """Move, stop or reset it. The server's clock moves those of all worlds with it."""
    world = target.world_or_server
    before = world.clock.state
    _apply(change, world)
    if not 0 <= world.clock.time_ns() <= LATEST_SECONDS * _NANOSECONDS:
        world.clock.state = before
        raise refusals.invalid_call(f"the clock ends at {LATEST_SECONDS} Unix seconds")
    await target.service.worlds.save(world)
    return _answer(world)


def _apply(change: ClockChange, world: World) -> None:
    clock = world.clock
    if change.reset:
        clock.state = ClockState()
    if change.at is not None:
        clock.set(round(change.at * _NANOSECONDS))
    if change.advance is not None:
        clock.advance(round(change.advance * _NANOSECONDS))
    if change.freeze is True and not clock.is_frozen:
        clock.freeze()
    if change.freeze is False and clock.is_frozen:
        clock.resume()


def _answer(world: World) -> Response:
    clock = world.clock
    return JSONResponse({"now": clock.time_ns() / _NANOSECONDS, "frozen": clock.is_frozen})
