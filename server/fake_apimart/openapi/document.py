"""The whole OpenAPI document: groups of operations, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fake_apimart_testing.version import __version__
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from fake_apimart.contract.api_key import QUERY
from fake_apimart.service.documentation import TAGS

DESCRIPTION = """
[APIMart](https://apimart.ai)'s API as this server emulates it. Behind each statement stands where
it is known from: the vendor's upload page (`page`), real exchanges with the service (`live`), other
pages of its documentation (`docs`), Go's own `net/http` (`go`), or our choice (`assumed`). Examples
are the very bodies that this server writes.

**Authorize** with any API key, unless `FAKE_APIMART_API_KEYS` lists some. Each key has a world of
its own, with its files, tasks and balance. What no operation is at, and an operation asked by
another method, is answered 404 `Invalid URL (GET /v1/nothing)` (live); a slash too many behind a
path is redirected (go), and answers to an `Origin` of another host carry CORS headers (go).
"""

_REFERENCE = "#/components/schemas/"
_FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Operations that belong together.

    `tags` maps each tag to what it stands for. `complete` is given the route, the method and the
    description of each operation, and changes the description. The rest is added to the document.
    """

    name: str
    tags: Mapping[str, str]
    description: str = ""
    security: Mapping[str, Any] = field(default_factory=dict)
    complete: Callable[[APIRoute, str, dict[str, Any]], None] = lambda route, method, operation: (
        None
    )


APIMART = Group(
    name="APIMart",
    tags=TAGS,
    description=DESCRIPTION,
    security={
        "key": {"type": "http", "scheme": "bearer", "description": "An API key; each has a world."},
        "key_in_query": {
            "type": "apiKey",
            "in": "query",
            "name": QUERY,
            "description": "The same, where there is no header (base).",
        },
    },
)


def describe(app: FastAPI, others: Sequence[Group] = ()) -> dict[str, Any]:
    """Return the OpenAPI document of `app`: the vendor's operations, and those of `others`."""
    groups = (APIMART, *others)
    tags = {tag: meaning for group in groups for tag, meaning in group.tags.items()}
    document = get_openapi(
        title="fake-apimart",
        version=__version__,
        description="".join(group.description for group in groups),
        routes=app.routes,
        tags=[{"name": tag, "description": meaning} for tag, meaning in tags.items()],
    )
    for group in groups:
        _complete(group, app, document["paths"])
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        name: scheme for group in groups for name, scheme in group.security.items()
    }
    schemas = components.setdefault("schemas", {})
    for name in _FASTAPI_ERRORS:
        schemas.pop(name, None)
    document["paths"] = _with_references(document["paths"], schemas)
    document["x-tagGroups"] = [{"name": group.name, "tags": list(group.tags)} for group in groups]
    return document


def _complete(group: Group, app: FastAPI, paths: dict[str, Any]) -> None:
    for route in app.routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        if set(route.tags) <= group.tags.keys():
            for method in route.methods or ():
                group.complete(route, method, paths[route.path_format][method.lower()])


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
    return {"$ref": f"{_REFERENCE}{name}"}
