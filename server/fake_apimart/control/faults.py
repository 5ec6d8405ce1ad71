"""`/_fake/faults`: the rules that make requests fail."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, Field, JsonValue, field_validator, model_validator

from fake_apimart.common.redaction import redacted_json
from fake_apimart.common.waits import HEAVY_BATCH, pausing
from fake_apimart.contract.json_response import JSONListResponse, JSONResponse
from fake_apimart.contract.operations import JOURNALED
from fake_apimart.control import refusals
from fake_apimart.control.access import ControlRoute
from fake_apimart.control.answers import RuleAnswer, RulesAnswer
from fake_apimart.control.body import Body, example, is_text, require_one_of, shown
from fake_apimart.control.target import TargetDep
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.go.json import marshal
from fake_apimart.http.socket_faults import SOCKET_FAULTS, Dribble
from fake_apimart.worlds.conditions import checked, needs_body, where_schema
from fake_apimart.worlds.faults import ERRORS, RawAnswer, Rule, errors_of
from fake_apimart.worlds.state.rules import NoRoom

router = APIRouter(prefix="/_fake/faults", tags=["control: faults"], route_class=ControlRoute)

MAX_DELAY_SECONDS = 3600.0
MAX_BODY_BYTES = 1024 * 1024
"""The largest body of a raw answer."""
MAX_DRIBBLE_BYTES = 1024 * 1024
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.001, 60.0
_BODILESS_STATUSES = (204, 304)
# The server adds these itself, and its response writer would reject contradictory ones.
_FRAMING_HEADERS = ("content-length", "transfer-encoding", "connection")

OperationName = Annotated[
    str,
    AfterValidator(lambda value: require_one_of(value, JOURNALED, "operation")),
    Field(json_schema_extra={"enum": list(JOURNALED)}),
]


class DribbleBody(Body):
    """The pace of a slow answer: some bytes of its body, then a pause, and so on."""

    model_config = example(bytes=16, seconds=0.1)

    bytes: int = Field(default=Dribble().bytes, ge=1, le=MAX_DRIBBLE_BYTES)
    seconds: float = Field(default=Dribble().seconds, ge=MIN_PAUSE_SECONDS, le=MAX_PAUSE_SECONDS)


class RuleBody(Body):
    """A rule: which requests meet it, and what it does to them.

    That is an `error` by name, an answer of your own with this `status`, or a fault of the
    `socket`; or a `delay` in seconds, alone or before one of these.
    """

    model_config = example(
        operation="uploads.create",
        error="rate_limited",
        headers={"Retry-After": "7"},
        where={"filename": {"glob": "*.png"}, "size": {"at_least": 1}},
        times=2,
    )

    operation: OperationName
    error: str | None = Field(default=None, json_schema_extra={"enum": list(ERRORS)})
    status: int | None = Field(default=None, ge=200, le=599, description="A raw answer's status.")
    headers: dict[str, str] | None = Field(
        default=None, description="A raw answer's headers, or an error's beside its own."
    )
    body: JsonValue = Field(
        default=None, description="A raw answer's body: text as it is, or else JSON."
    )
    body_base64: str | None = Field(
        default=None, description="The same as bytes: `body` or this.", examples=["iVBORw0KGgo="]
    )
    socket: str | None = Field(default=None, json_schema_extra={"enum": list(SOCKET_FAULTS)})
    dribble: DribbleBody | None = Field(
        default=None, description="The pace of the socket fault of that name."
    )
    delay: float | None = Field(default=None, gt=0, le=MAX_DELAY_SECONDS, description="Seconds.")
    times: int | None = Field(default=1, ge=1, description="How many requests; null for all.")
    after: int = Field(default=0, ge=0, description="How many are let through before.")
    every: int = Field(default=1, ge=1, description="Only each so manyth of those that follow.")
    where: dict[str, JsonValue] | None = Field(
        default=None,
        description="Only requests that are so. A plain value stands for `equal`.",
        json_schema_extra={"properties": where_schema()},
    )

    @field_validator("socket")
    @classmethod
    def _check_socket(cls, value: str | None) -> str | None:
        return value and require_one_of(value, tuple(SOCKET_FAULTS), "socket fault")

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str] | None) -> dict[str, str] | None:
        for name, value in (headers or {}).items():
            if name.lower() in _FRAMING_HEADERS:
                raise ValueError(f"{name} is the server's own; a socket fault cuts an answer")
            if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"{shown(name)!r} is no header's name")
            if not value.isprintable() or not value.isascii():
                raise ValueError(f"the value of {shown(name)} is not printable ASCII")
        return headers

    @model_validator(mode="after")
    def _check_body(self) -> Self:
        if self.body is not None and self.body_base64 is not None:
            raise ValueError("body and body_base64 exclude each other")
        if self.status is None and (self.body is not None or self.body_base64 is not None):
            raise ValueError("a body needs a status")
        content = self._content()
        if len(content) > MAX_BODY_BYTES:
            raise ValueError(f"the body is longer than {MAX_BODY_BYTES} bytes")
        if self.status in _BODILESS_STATUSES and content:
            raise ValueError(f"an answer of status {self.status} has no body")
        return self

    def _content(self) -> bytes:
        """Return the bytes of a raw answer's body. Raises ValueError where it is none."""
        if self.body_base64 is not None:
            try:
                return base64.b64decode(self.body_base64, validate=True)
            except ValueError as error:
                raise ValueError(f"body_base64: {error}") from None
        if self.body is None:
            return b""
        if not is_text(self.body):
            raise ValueError("body has a surrogate, which is no text")
        return self.body.encode() if isinstance(self.body, str) else marshal(self.body)

    def _raw_headers(self) -> tuple[tuple[str, str], ...]:
        """Return a raw answer's headers, with the type of a body that is JSON."""
        headers = dict(self.headers or {})
        is_typed = any(name.lower() == "content-type" for name in headers)
        if self.body is not None and not isinstance(self.body, str) and not is_typed:
            headers["Content-Type"] = "application/json"
        return tuple(headers.items())

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        effects = ("error", "status", "socket")
        set_effects = [name for name in effects if getattr(self, name) is not None]
        if len(set_effects) > 1:
            raise ValueError(f"{set_effects[0]} and {set_effects[1]} exclude each other")
        if not set_effects and self.delay is None:
            raise ValueError("expected one of error, status, socket and delay")
        if self.status is None and self.error is None and self.headers is not None:
            raise ValueError("headers need a status or an error")
        if self.dribble is not None and self.socket != "dribble":
            raise ValueError("dribble needs the socket fault dribble")
        if self.error is not None:
            require_one_of(self.error, tuple(errors_of(self.operation)), "error", self.operation)
        return self

    @model_validator(mode="after")
    def _check_where(self) -> Self:
        where = self._conditions()
        is_head_enough = where is None or not needs_body(where, self.operation)
        if self.socket == "close_before_reading" and not is_head_enough:
            raise ValueError("close_before_reading happens before what `where` asks of is read")
        return self

    def _conditions(self) -> dict[str, Any] | None:
        """Return what `where` asks for, with an operator for each. Raises ValueError."""
        if self.where is None:
            return None
        if not is_text(self.where):
            raise ValueError("where has a surrogate, which is no text")
        try:
            return checked(self.where, self.operation)
        except ValueError as error:
            raise ValueError(f"where: {error}") from None

    def to_rule(self) -> Rule:
        """Return the rule that the body describes."""
        raw = None
        if self.status is not None:
            raw = RawAnswer(self.status, self._raw_headers(), self._content())
        own = {"operation", "times", "after", "every"}
        return Rule(
            self.operation,
            self.error,
            raw,
            self.socket,
            self.delay or 0.0,
            self.times,
            self.after,
            self.every,
            self._conditions(),
            tuple((self.headers or {}).items()) if self.error else (),
            Dribble(self.dribble.bytes, self.dribble.seconds) if self.dribble else None,
            source=self.model_dump(exclude_none=True, exclude=own),
        )


@router.get("", response_model=RulesAnswer)
async def list_faults(target: TargetDep) -> Response:
    """List the rules in the order in which they fire."""
    return await _rules_response(await target.state.rules.of(target.world_or_server))


@router.post("", response_model=RuleAnswer)
async def add_fault(body: RuleBody, target: TargetDep, request: Request) -> Response:
    """Add a rule; rules fire in the order they were added, a world's own before the server's."""
    if body.socket is not None and exchange_of(request.scope).connection is None:
        raise refusals.needs_own_server(body.socket)
    world = target.world_or_server
    rule = body.to_rule()
    try:
        await target.state.rules.add(world, rule)
    except NoRoom as error:
        raise refusals.invalid_call(str(error)) from None
    return JSONResponse(_to_json(rule))


@router.delete("", response_model=RulesAnswer, responses={404: {}})
async def remove_faults(
    target: TargetDep,
    rule_id: Annotated[int | None, Query(alias="id", description="One rule alone.")] = None,
) -> Response:
    """Remove the rules, except those that the key's name implies; or the one rule with this id."""
    world = target.world_or_server
    if rule_id is None:
        await target.state.rules.clear(world)
    elif not await target.state.rules.remove(world, rule_id):
        raise refusals.unknown(f"rule {rule_id}")
    return await _rules_response(await target.state.rules.of(world))


async def _rules_response(rules: Sequence[Rule]) -> Response:
    encoded = [marshal(_to_json(rule)) async for rule in pausing(rules, HEAVY_BATCH)]
    return JSONListResponse("faults", encoded)


def _to_json(rule: Rule) -> dict[str, Any]:
    by_key = {"error": rule.error, "delay": rule.delay}
    effect = rule.source or {name: value for name, value in by_key.items() if value}
    redacted: dict[str, Any] = redacted_json(effect)
    return {
        "id": rule.id,
        "operation": rule.operation,
        **redacted,
        "times": rule.times,
        "after": rule.after,
        "every": rule.every,
        "used": rule.used,
    }
