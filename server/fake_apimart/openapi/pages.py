"""The OpenAPI document, and Swagger UI on it, from the package and without network."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.gateway.exchange import exchange_of

PAGE = "/docs"
DOCUMENT = "/openapi.json"
PUBLIC_PATHS = (PAGE, DOCUMENT)
CONTROL_PAGE = "/_fake/docs"
CONTROL_DOCUMENT = "/_fake/openapi.json"
ASSETS_URL = "/_fake/swagger-ui"
ASSETS = Path(__file__).parent / "swagger_ui"

# Control calls without a body would go out without a type, and be refused.
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fake-apimart</title>
<link rel="stylesheet" href="{root}{assets}/swagger-ui.css">
<link rel="icon" href="data:,">
<div id="page"></div>
<script src="{root}{assets}/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({{
  url: "{root}{document}",
  dom_id: "#page",
  persistAuthorization: true,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  requestInterceptor: (request) => {{
    const isControl = new URL(request.url, location.href).pathname.startsWith("{root}/_fake/");
    if (isControl && request.method && request.method !== "GET")
      request.headers["Content-Type"] = "application/json";
    return request;
  }},
}});
</script>
"""


class PackagedFiles(StaticFiles):
    """Files of the package."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file. Raises HTTPException where there is none, whatever the name."""
        if "\0" in path:
            # At which some versions of Starlette fail.
            raise HTTPException(404)
        return await super().get_response(path, scope)


async def page(request: Request) -> Response:
    """Answer with Swagger UI: a form for each operation and each control call."""
    root = _base_path(request)
    return HTMLResponse(_PAGE.format(root=root, assets=ASSETS_URL, document=DOCUMENT))


async def document(request: Request) -> Response:
    """Answer with the OpenAPI document, whose one server is where the client reaches us."""
    return JSONResponse({**request.app.openapi(), "servers": [{"url": _base_path(request) or "/"}]})


def _base_path(request: Request) -> str:
    return exchange_of(request.scope).arrival.base_path(request.app.settings)


ROUTES: list[BaseRoute] = [
    *(Route(path, page, include_in_schema=False) for path in (PAGE, CONTROL_PAGE)),
    *(Route(path, document, include_in_schema=False) for path in (DOCUMENT, CONTROL_DOCUMENT)),
    Mount(ASSETS_URL, PackagedFiles(directory=ASSETS)),
]
