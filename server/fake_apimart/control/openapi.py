"""What the OpenAPI document says beyond the routes: groups, security, the control API's errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fake_apimart.control.access import ADMIN_TOKEN_HEADER
from fake_apimart.control.answers import Refusal
from fake_apimart.version import __version__

DESCRIPTION = f"""
APIMart's API as this server emulates it, and below `/_fake/` the control API by which tests drive
it.

Calls of the control API with an API key (Authorize) are about the world of that key. Those without
one are about the whole server: they are free where only this machine can reach it, else they need
the header `{ADMIN_TOKEN_HEADER}`. What changes something must be `application/json`, an empty body
too.
"""

CONTROL_PREFIX = "control: "

_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key; each has a world."},
    "admin": {"type": "apiKey", "in": "header", "name": ADMIN_TOKEN_HEADER},
}
_REFUSED = {
    "description": "What was wrong, and what is valid.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
}
_NOT_OURS = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of `app`, with our own errors in place of FastAPI's."""
    described = get_openapi(
        title="fake-apimart", version=__version__, description=DESCRIPTION, routes=app.routes
    )
    components = described.setdefault("components", {})
    components["securitySchemes"] = _SECURITY
    schemas = components.get("schemas", {})
    refusal = Refusal.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"] = {
        **refusal.pop("$defs"),
        "Refusal": refusal,
        **{name: each for name, each in schemas.items() if name not in _NOT_OURS},
    }
    for path, methods in described["paths"].items():
        for operation in methods.values():
            if path.startswith("/_fake/") and "security" not in operation:
                _describe_control(operation)
    tags = dict.fromkeys(
        tag
        for methods in described["paths"].values()
        for operation in methods.values()
        for tag in operation["tags"]
    )
    described["tags"] = [{"name": tag} for tag in tags]
    described["x-tagGroups"] = [
        {"name": "APIMart", "tags": [tag for tag in tags if not tag.startswith(CONTROL_PREFIX)]},
        {"name": "Control API", "tags": [tag for tag in tags if tag.startswith(CONTROL_PREFIX)]},
    ]
    return described


def _describe_control(operation: dict[str, Any]) -> None:
    operation["security"] = [{"key": []}, {"admin": []}, {}]
    operation["summary"] = operation.pop("description")
    operation["responses"].pop("422", None)
    operation["responses"]["4XX"] = _REFUSED
    operation["responses"]["503"] = {**_REFUSED, "description": "The storage failed."}
