"""Bodies of control requests: how they are read, within bounds, and what they have in common."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from fastapi import Request
from pydantic import BaseModel, ConfigDict, model_validator
from starlette.requests import ClientDisconnect
from starlette.types import Message

from fake_apimart.common.json_values import MAX_VALUES, has_too_many_values
from fake_apimart.common.redaction import redacted_text
from fake_apimart.control import refusals
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.go.json import MAX_INTEGER_DIGITS
from fake_apimart.go.json_scanner import Scanner
from fake_apimart.go.textproto import EOF
from fake_apimart.http.request_body import LimitedBody

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_TEXT_CHARACTERS = 8192
"""The longest text that is kept of a body."""
MAX_SHOWN_CHARACTERS = 100
"""How much of a value that is refused the refusal states."""
MAX_DEPTH = 100
"""How many arrays and objects may stand in one another."""


class Body(BaseModel):
    """A JSON object without unknown fields."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, value: Any) -> Any:
        if isinstance(value, dict):
            unknown = [str(name) for name in value if name not in cls.model_fields]
            if unknown:
                valid = ", ".join(cls.model_fields)
                raise ValueError(f"unknown field {shown(unknown[0])}; valid are {valid}")
        return value


def example(**fields: Any) -> ConfigDict:
    """Return a configuration with an example for the page of the control API."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def require_one_of(value: str, valid: tuple[str, ...], what: str, place: str = "") -> str:
    """Return `value`; raise ValueError, which lists the `valid` ones, if it is not among them.

    `place` is where they are valid, if it is not everywhere.
    """
    if value not in valid:
        there = f" for {place}" if place else ""
        raise ValueError(f"unknown {what} {shown(value)}; valid{there} are {', '.join(valid)}")
    return value


def shown(text: str) -> str:
    """Return `text` as an error may state it: Pydantic refuses messages with surrogates."""
    return redacted_text(text)[:MAX_SHOWN_CHARACTERS].encode("utf-8", "replace").decode()


def is_text(value: Any) -> bool:
    """Return whether no string in a JSON value has a surrogate, which is half a character."""
    try:
        # A half at the end of one string makes no whole with one at the next one's beginning.
        "\n".join(_strings_in(value)).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_short_text(value: str) -> str:
    """Return a text that is kept. Raises ValueError where it is too long, or none."""
    if len(value) > MAX_TEXT_CHARACTERS:
        raise ValueError(f"expected at most {MAX_TEXT_CHARACTERS} characters")
    if not is_text(value):
        raise ValueError("a surrogate is no text")
    return value


def _strings_in(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each


class ReadRequest(Request):
    """A request whose body has been read, as `content`."""

    def __init__(self, request: Request, content: bytes) -> None:
        super().__init__(request.scope, self._receive_content)
        self._content = content

    async def _receive_content(self) -> Message:
        return {"type": "http.request", "body": self._content, "more_body": False}

    async def json(self) -> Any:
        """Return the value of the body. Raises `invalid_call`."""
        try:
            return _parse(self._content)
        except RecursionError:
            reason = "exceeded max depth"
        except json.JSONDecodeError as error:
            reason = error.msg
        except ValueError as error:
            reason = str(error)
        raise refusals.invalid_call(f"the body is not valid JSON: {reason}")


async def read_body(request: Request) -> ReadRequest:
    """Read the body of a control request, and refuse it before it is parsed if it is too large.

    Raises `too_large`, and `invalid_call` where it ends too early or has too many values.
    """
    body = LimitedBody(exchange_of(request.scope).body, MAX_BODY_BYTES)
    try:
        content = await body.read()
    except ClientDisconnect:
        raise refusals.invalid_call("the body ended too early") from None
    if body.is_too_large:
        raise refusals.too_large(MAX_BODY_BYTES)
    if body.ending != EOF:
        raise refusals.invalid_call(body.ending)
    if has_too_many_values(content):
        raise refusals.invalid_call(f"the body has more than {MAX_VALUES} values")
    return ReadRequest(request, content)


def _parse(content: bytes) -> Any:
    """Return the value of a body. Raises ValueError, RecursionError."""
    if content.count(b"[") + content.count(b"{") > MAX_DEPTH:
        Scanner(content, MAX_DEPTH).scan()
    return json.loads(
        content.decode(),
        parse_int=_integer,
        parse_float=_finite,
        parse_constant=_refuse_constant,
    )


def _integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:
        raise ValueError(f"a number has more than {MAX_INTEGER_DIGITS} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:MAX_SHOWN_CHARACTERS]} is too large a number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
