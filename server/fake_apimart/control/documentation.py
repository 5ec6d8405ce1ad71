"""How control calls are described in the OpenAPI document, beyond what FastAPI says of them."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from fastapi.routing import APIRoute

from fake_apimart.callbacks.delivery import MARK
from fake_apimart.contract import errors
from fake_apimart.contract.documentation import Refusal, answers_of, responses
from fake_apimart.control import refusals
from fake_apimart.control.access import ADMIN_TOKEN_HEADER, BYTES, CHANGING, JSON, ControlRoute
from fake_apimart.control.body import MAX_BODY_BYTES
from fake_apimart.control.target import WORLD
from fake_apimart.openapi.document import Group
from fake_apimart.settings.names import variable_of

DESCRIPTION = f"""
Below `/_fake/` is the **control API** by which tests drive the server. Calls with an API key are
about the world of that key. Those without one are about the whole server, or about the world that
`?{WORLD}=` names by its name or a beginning of it: they are free where only
this machine can have sent them, else they need the header `{ADMIN_TOKEN_HEADER}`. What changes
something must be `application/json`, an empty body too, but for a file that is put into a world.
"""

TAGS = {
    "control: world": "What holds in a world, and beginning it anew.",
    "control: clock": "What time it is in a world.",
    "control: faults": "Rules by which requests fail.",
    "control: requests": "What was sent, and what was answered.",
    "control: contract": "What is known of the vendor's API, and how.",
    "control: metrics": "What the server has counted.",
    "control: contents": "What a world has, whatever its clock and its rules say.",
}

_NO_BODY = {
    "description": "Nothing is read of it, but its Content-Type must be JSON.",
    "required": True,
    "content": {"application/json": {"schema": {}, "example": {}}},
}


_FILE = {
    "description": "The file itself.",
    "required": True,
    "content": {BYTES: {"schema": {"type": "string", "format": "binary"}}},
}
_REFUSALS_OF_FILES: tuple[Refusal, ...] = (
    partial(errors.file_too_large, 25_165_824, 20_971_520),
    partial(errors.unsupported_image_type, "application/pdf"),
    partial(errors.invalid_form, "unexpected EOF"),
    errors.upload_failed,
)
_REFUSALS_OF_IDS: tuple[Refusal, ...] = (
    partial(refusals.two_worlds, WORLD),
    partial(refusals.unknown, "world 0f1e2d3c"),
    partial(refusals.ambiguous, WORLD, [f"0f1e2d3c{digit * 24}" for digit in "4b"]),
)


def _complete(route: APIRoute, method: str, call: dict[str, Any]) -> None:
    call["operationId"] = f"control_{route.name}"
    call["summary"] = call.pop("description")
    call["security"] = [{"key": []}, {"admin": []}, {}]
    media_type = route.media_type if isinstance(route, ControlRoute) else JSON
    if method in CHANGING:
        call.setdefault("requestBody", _NO_BODY if media_type == JSON else _FILE)
    answers = call["responses"]
    if route.response_model is not None:
        answers["200"]["description"] = inspect.getdoc(route.response_model)
    # FastAPI adds a 422 where there is something to validate, and routes declare their 404.
    found = _refusals(
        method,
        is_validated=answers.pop("422", None) is not None,
        may_be_unknown=answers.pop("404", None) is not None,
        has_body=route.body_field is not None,
        may_be_over=answers.pop("409", None) is not None,
        media_type=media_type,
        names_world=any(each["name"] == WORLD for each in call.get("parameters", ())),
    )
    described = responses(answer for each in found for answer in answers_of(each))
    answers |= {str(status): response for status, response in described.items()}


def _refusals(
    method: str,
    *,
    is_validated: bool,
    may_be_unknown: bool,
    has_body: bool,
    may_be_over: bool,
    media_type: str,
    names_world: bool,
) -> list[Refusal]:
    """Return what a call can be refused with."""
    found: list[Refusal] = [
        refusals.no_api_key,
        partial(refusals.callback, MARK),
        partial(refusals.foreign_origin, "https://example.com"),
        partial(
            refusals.admin_token_needed,
            ADMIN_TOKEN_HEADER,
            f"{variable_of('admin_token')} to be set",
        ),
        errors.internal_error,
        partial(refusals.storage_failed, "No space left on device"),
    ]
    if is_validated:
        found.append(partial(refusals.invalid_call, "the body is not valid JSON: Expecting value"))
    if method in CHANGING:
        found.append(partial(refusals.not_of_type, media_type))
    if has_body:
        found.append(partial(refusals.too_large, MAX_BODY_BYTES))
    if may_be_unknown:
        found.append(partial(refusals.unknown, "rule 7"))
    if may_be_over:
        found.append(
            partial(refusals.over, "task task_01KT48E134GCG3W870HKHPVMNA is failed already")
        )
    if names_world:
        found += _REFUSALS_OF_IDS
    if media_type == BYTES:
        found += _REFUSALS_OF_FILES
    return found


CONTROL = Group(
    name="Control API",
    tags=TAGS,
    description=DESCRIPTION,
    security={
        "admin": {
            "type": "apiKey",
            "in": "header",
            "name": ADMIN_TOKEN_HEADER,
            "description": f"`{variable_of('admin_token')}`, for calls about the whole server.",
        }
    },
    complete=_complete,
)
