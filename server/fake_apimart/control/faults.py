"""`/_fake/faults`: the rules by which requests fail."""

from __future__ import annotations

from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, Field, field_validator, model_validator

from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.contract.operations import JOURNALED
from fake_apimart.control import refusals
from fake_apimart.control.access import ControlRoute
from fake_apimart.control.answers import RuleAnswer, RulesAnswer
from fake_apimart.control.body import Body, example, one_of
from fake_apimart.control.target import TheTarget
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.http.socket_faults import SOCKET_FAULTS
from fake_apimart.worlds.faults import ERRORS, MOST_RULES, Faults, RawAnswer, Rule, errors_of

router = APIRouter(prefix="/_fake/faults", tags=["control: faults"], route_class=ControlRoute)

LONGEST_DELAY = 3600.0
MOST_BODY_CHARACTERS = 1024 * 1024
_BODILESS = (204, 304)
# The server writes these itself, and a wrong one would be refused on the way out.
_FRAMING = ("content-length", "transfer-encoding", "connection")

OperationName = Annotated[
    str,
    AfterValidator(lambda value: one_of(value, JOURNALED, "operation")),
    Field(json_schema_extra={"enum": list(JOURNALED)}),
]


class RuleBody(Body):
    """Which requests, and what they meet: an `error` by name, or a `status` of your own, or a
    fault of the `socket`; `delay` alone, or before any of these.
    """

    model_config = example(operation="uploads.create", error="rate_limited", times=2)

    operation: OperationName
    error: str | None = Field(default=None, json_schema_extra={"enum": list(ERRORS)})
    status: int | None = Field(default=None, ge=200, le=599, description="A raw answer's status.")
    headers: dict[str, str] | None = Field(default=None, description="A raw answer's headers.")
    body: str | None = Field(
        default=None, max_length=MOST_BODY_CHARACTERS, description="A raw answer's body."
    )
    socket: str | None = Field(default=None, json_schema_extra={"enum": list(SOCKET_FAULTS)})
    delay: float | None = Field(default=None, gt=0, le=LONGEST_DELAY, description="Seconds.")
    times: int | None = Field(default=1, ge=1, description="How many requests; null for all.")
    after: int = Field(default=0, ge=0, description="How many are let through before.")

    @field_validator("socket")
    @classmethod
    def _know_socket(cls, value: str | None) -> str | None:
        return value and one_of(value, tuple(SOCKET_FAULTS), "socket fault")

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, str] | None) -> dict[str, str] | None:
        for name, value in (headers or {}).items():
            if name.lower() in _FRAMING:
                raise ValueError(f"{name} is the server's own; a socket fault cuts an answer")
            if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"{name!r} is no header's name")
            if not value.isprintable() or not value.isascii():
                raise ValueError(f"the value of {name} is not printable ASCII")
        return headers

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        given = [name for name in ("error", "status", "socket") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} exclude each other")
        if not given and self.delay is None:
            raise ValueError("expected one of error, status, socket and delay")
        if self.status is None and (self.headers is not None or self.body is not None):
            raise ValueError("headers and body need a status")
        if self.status in _BODILESS and self.body:
            raise ValueError(f"an answer of status {self.status} has no body")
        if self.error is not None:
            one_of(self.error, tuple(errors_of(self.operation)), f"error of {self.operation}")
        return self

    def rule(self) -> Rule:
        """The rule that the body writes."""
        raw = None
        if self.status is not None:
            headers = tuple((self.headers or {}).items())
            raw = RawAnswer(self.status, headers, (self.body or "").encode())
        return Rule(
            self.operation,
            self.error,
            raw,
            self.socket,
            self.delay or 0.0,
            self.times,
            self.after,
            written=self.model_dump(exclude_none=True, exclude={"operation", "times", "after"}),
        )


@router.get("", response_model=RulesAnswer)
async def list_faults(target: TheTarget) -> Response:
    """The rules, in the order in which they fire."""
    return _all(target.world_or_server.faults)


@router.post("", response_model=RuleAnswer)
async def add_fault(body: RuleBody, target: TheTarget, request: Request) -> Response:
    """Write a rule. Those written before it fire first; a world's own before the server's."""
    if body.socket is not None and exchange_of(request.scope).connection is None:
        raise refusals.needs_own_server(body.socket)
    faults = target.world_or_server.faults
    if len(faults.rules) >= MOST_RULES:
        raise refusals.invalid_call(f"there are {MOST_RULES} rules already")
    return JSONResponse(_to_json(faults.add(body.rule())))


@router.delete("", response_model=RulesAnswer, responses={404: {}})
async def remove_faults(
    target: TheTarget,
    rule_id: Annotated[int | None, Query(alias="id", description="One rule alone.")] = None,
) -> Response:
    """Forget the rules, but for those that the key's name says; or the one with this id."""
    faults = target.world_or_server.faults
    if rule_id is None:
        faults.clear()
    elif not faults.remove(rule_id):
        raise refusals.unknown(f"rule {rule_id}")
    return _all(faults)


def _all(faults: Faults) -> Response:
    return JSONResponse({"faults": [_to_json(rule) for rule in faults.rules]})


def _to_json(rule: Rule) -> dict[str, Any]:
    effect = rule.written or {"error": rule.error, "delay": rule.delay}
    return {
        "id": rule.id,
        "operation": rule.operation,
        **{name: value for name, value in effect.items() if value},
        "times": rule.times,
        "after": rule.after,
        "used": rule.used,
    }
