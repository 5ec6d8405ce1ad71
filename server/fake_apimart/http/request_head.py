"""The head of a request as ASGI has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from fake_apimart.net_http.request import Request

Headers = Mapping[bytes, bytes]
"""One value for each name; names are in lower case."""

_VERSIONS = {(1, 0): "1.0", (1, 1): "1.1"}
_ASGI = {"version": "3.0", "spec_version": "2.3"}


def text_of(headers: Headers, name: bytes) -> str | None:
    """Return the value of the header `name` (lower case) as text, or None if it is missing."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def to_scope(request: Request) -> Scope:
    """Return the ASGI scope of a request, but for the connection's addresses."""
    raw_path = request.path
    if b"%" in raw_path or not raw_path.isascii():
        path = unquote_to_bytes(raw_path).decode("utf-8", "replace")
    else:
        path = raw_path.decode("ascii")
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": _VERSIONS.get(request.version) or "{}.{}".format(*request.version),
        "scheme": "http",
        "method": request.method.decode("ascii"),
        "root_path": "",
        "path": path,
        "raw_path": raw_path,
        "query_string": request.query,
        "headers": request.headers,
    }


def address(transport: asyncio.Transport, end: str) -> tuple[str, int] | None:
    """Return host and port of one end: `peername` or `sockname`; None where it has no port."""
    info = transport.get_extra_info(end)
    return (str(info[0]), int(info[1])) if isinstance(info, tuple) else None
