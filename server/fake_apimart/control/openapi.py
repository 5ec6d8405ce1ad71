"""The control API's description of itself: for tools as OpenAPI, for people as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, Response

from fake_apimart.control.access import ADMIN_TOKEN_HEADER

PAGE_URL = "/_fake/docs"
URL = "/_fake/openapi.json"
ASSETS_URL = "/_fake/swagger-ui"
ASSETS = Path(__file__).parent / "swagger_ui"

DESCRIPTION = f"""
A call with an API key (Authorize) is about the world of that key. One without is about the whole
server: it is free where the server listens on loopback, else it needs the header
`{ADMIN_TOKEN_HEADER}`. What changes something must be `application/json`, an empty body too.
"""

# A call without a body would go out without a type, and be refused.
_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fake-apimart: control API</title>
<link rel="stylesheet" href="{ASSETS_URL}/swagger-ui.css">
<link rel="icon" href="data:,">
<div id="page"></div>
<script src="{ASSETS_URL}/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({{
  url: "{URL}",
  dom_id: "#page",
  persistAuthorization: true,
  requestInterceptor: (request) => {{
    if (request.method && request.method !== "GET")
      request.headers["Content-Type"] = "application/json";
    return request;
  }},
}});
</script>
"""

_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "The API key of a world."},
    "admin": {"type": "apiKey", "in": "header", "name": ADMIN_TOKEN_HEADER},
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type"],
            "properties": {"message": {"type": "string"}, "type": {"type": "string"}},
        }
    },
}
_REFUSED = {
    "description": "What was wrong, and what is valid.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_NOT_OURS = ("HTTPValidationError", "ValidationError")


async def page(request: Request) -> Response:
    """Swagger UI, with a form for each call."""
    return HTMLResponse(_PAGE)


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, with our own errors in place of FastAPI's."""
    description = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components = description["components"]
    components["securitySchemes"] = _SECURITY
    components["schemas"] = {
        "Error": _ERROR,
        **{name: each for name, each in components["schemas"].items() if name not in _NOT_OURS},
    }
    description["security"] = [{"key": []}, {"admin": []}, {}]
    for methods in description["paths"].values():
        for operation in methods.values():
            operation["summary"] = operation.pop("description")
            responses = operation["responses"]
            responses.pop("422", None)
            responses["4XX"] = _REFUSED
            for content in responses["200"].get("content", {}).values():
                content["schema"] = content["schema"] or {"type": "object"}
    return description
