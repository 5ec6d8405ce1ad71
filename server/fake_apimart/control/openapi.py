"""The whole OpenAPI document: the operations, the control API, and what holds for all of them."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fake_apimart.common.settings import variable_of
from fake_apimart.contract import errors
from fake_apimart.contract.documentation import Refusal, answers_of, responses
from fake_apimart.control import refusals
from fake_apimart.control.access import ADMIN_TOKEN_HEADER, CHANGING, ControlRoute
from fake_apimart.service.documentation import TAGS
from fake_apimart.version import __version__

DESCRIPTION = f"""
[APIMart](https://apimart.ai)'s API as this server emulates it, and below `/_fake/` the control API
by which tests drive it. Behind each statement stands where it is known from: the vendor's upload
page (`page`), real exchanges with the service (`live`), other pages of its documentation (`docs`),
Go's own `net/http` (`go`), or our choice (`assumed`). Examples are the very bodies that this server
writes.

**Authorize** with any API key, unless `FAKE_APIMART_API_KEYS` lists some. Each key has a world of
its own, with its files, tasks and balance. What no operation is at, and an operation asked by
another method, is answered 404 `Invalid URL (GET /v1/nothing)` (live); a slash too many behind a
path is redirected (go), and answers to another `Origin` carry CORS headers (go).

Calls of the **control API** with an API key are about the world of that key. Those without one are
about the whole server: they are free where only this machine can reach it, else they need the
header `{ADMIN_TOKEN_HEADER}`. What changes something must be `application/json`, an empty body too.
"""

CONTROL_PREFIX = "control: "

_CONTROL_TAGS = {
    f"{CONTROL_PREFIX}world": "What holds in a world, and beginning it anew.",
    f"{CONTROL_PREFIX}clock": "What time it is in a world.",
    f"{CONTROL_PREFIX}faults": "Rules by which requests fail.",
    f"{CONTROL_PREFIX}requests": "What was sent, and what was answered.",
    f"{CONTROL_PREFIX}contents": "What a world has, whatever its clock and its rules say.",
}
_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key; each has a world."},
    "admin": {
        "type": "apiKey",
        "in": "header",
        "name": ADMIN_TOKEN_HEADER,
        "description": f"`{variable_of('admin_token')}`, for calls about the whole server.",
    },
}
_NOTHING = {
    "description": "Nothing is read of it, but its Content-Type must be JSON.",
    "required": True,
    "content": {"application/json": {"schema": {}, "example": {}}},
}
_REF = "#/components/schemas/"
_NOT_OURS = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of `app`, with our own errors in place of FastAPI's."""
    tags = {**TAGS, **_CONTROL_TAGS}
    described = get_openapi(
        title="fake-apimart",
        version=__version__,
        description=DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": meaning} for name, meaning in tags.items()],
    )
    for route in app.routes:
        if isinstance(route, ControlRoute):
            methods = described["paths"][route.path_format]
            for method in route.methods or ():
                _describe_control(methods[method.lower()], route, method)
    components = described.setdefault("components", {})
    components["securitySchemes"] = _SECURITY
    schemas = components.setdefault("schemas", {})
    for name in _NOT_OURS:
        schemas.pop(name, None)
    described["paths"] = _with_references(described["paths"], schemas)
    described["x-tagGroups"] = [
        {"name": "APIMart", "tags": list(TAGS)},
        {"name": "Control API", "tags": list(_CONTROL_TAGS)},
    ]
    return described


def _describe_control(call: dict[str, Any], route: ControlRoute, method: str) -> None:
    """Complete what FastAPI says of a control call."""
    call["operationId"] = f"control_{route.name}"
    call["summary"] = call.pop("description")
    call["security"] = [{"key": []}, {"admin": []}, {}]
    answers = call["responses"]
    if route.response_model is not None:
        answers["200"]["description"] = inspect.getdoc(route.response_model)
    refused: list[Refusal] = [
        refusals.no_bearer_key,
        partial(refusals.foreign_origin, "https://example.com"),
        partial(
            refusals.admin_token_needed,
            ADMIN_TOKEN_HEADER,
            f"{variable_of('admin_token')} to be set",
        ),
        errors.internal_error,
        partial(refusals.storage_failed, "No space left on device"),
    ]
    if answers.pop("422", None):
        refused.append(
            partial(refusals.invalid_call, "the body is not valid JSON: Expecting value")
        )
    if method in CHANGING:
        call.setdefault("requestBody", _NOTHING)
        refused.append(refusals.not_json)
    if answers.pop("404", None):
        refused.append(partial(refusals.unknown, "rule 7"))
    found = responses(answer for each in refused for answer in answers_of(each))
    answers |= {str(status): response for status, response in found.items()}


def _with_references(described: Any, schemas: dict[str, Any]) -> Any:
    """Return a part of the document with each titled object moved into `schemas`."""
    if isinstance(described, list):
        return [_with_references(each, schemas) for each in described]
    if not isinstance(described, dict):
        return described
    whole = {
        name: each if name == "examples" else _with_references(each, schemas)
        for name, each in described.items()
    }
    name = whole.get("title")
    if not isinstance(name, str) or whole.get("type") != "object":
        return whole
    known = schemas.setdefault(name, whole)
    assert known == whole, f"two schemas are called {name}"
    return {"$ref": f"{_REF}{name}"}
