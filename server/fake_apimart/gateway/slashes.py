"""A slash too many behind a path: sent on to the operation without it, as the vendor's router does.

This comes before the key is looked at (go: gin).
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from fake_apimart.contract import operations
from fake_apimart.gateway.exchange import Exchange


def redirect(exchange: Exchange) -> Response | None:
    """Return the redirect to the operation without the slash; None where there is no operation."""
    paths = exchange.paths
    path = paths.path.rstrip("/")
    if not operations.is_allowed(exchange.method, path):
        return None
    query = exchange.query_string.decode("latin-1")
    status = HTTPStatus.TEMPORARY_REDIRECT
    if exchange.method == "GET":
        status = HTTPStatus.MOVED_PERMANENTLY
    location = f"{paths.root}{path}"
    return Response(
        status_code=status, headers={"Location": f"{location}?{query}" if query else location}
    )
