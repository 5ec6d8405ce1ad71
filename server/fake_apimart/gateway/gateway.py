"""What the vendor's gateway does around every handler: request ids, CORS, slashes.

Written as plain ASGI, since each request passes here.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fake_apimart.common.clock import Clock
from fake_apimart.common.randomness import Randomness
from fake_apimart.contract import errors, operations, request_id
from fake_apimart.http.headers import header_of
from fake_apimart.http.response_writer import ADDED_HEADERS

SENT_PATH = "fake_apimart.sent_path"
"""Scope key: the path as the client sent it, decoded, invalid bytes as lone surrogates."""

_SLASHES = re.compile(r"/{2,}")
_RAW_SLASHES = re.compile(rb"/{2,}")

PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET,POST,PUT,DELETE,OPTIONS",
    "Access-Control-Max-Age": "43200",
}
_REQUEST_ID = request_id.HEADER.lower().encode()
_CORS_HEADERS = [(b"access-control-allow-origin", b"*")]
_FILE_CORS_HEADERS = [
    *_CORS_HEADERS,
    (
        b"access-control-expose-headers",
        b"Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified",
    ),
]


class Gateway:
    """Wraps the application that routes to the handlers."""

    def __init__(
        self, app: ASGIApp, clock: Clock, randomness: Randomness, *, file_cors: bool
    ) -> None:
        self._app = app
        self._clock = clock
        self._randomness = randomness
        self._file_cors = file_cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _fold_slashes(scope)
        is_file = operations.is_file_path(scope["path"])
        has_origin = header_of(scope, b"origin") is not None
        new_id = request_id.new_request_id(self._clock.time_ns(), self._randomness)
        scope[request_id.SCOPE_KEY] = new_id
        added = scope[ADDED_HEADERS] = [] if is_file else [(_REQUEST_ID, new_id.encode())]
        if has_origin and (self._file_cors or not is_file):
            added += _FILE_CORS_HEADERS if is_file else _CORS_HEADERS
        answer = self._own_answer(scope, is_file=is_file, has_origin=has_origin)
        await (answer or self._app)(scope, receive, send)

    def _own_answer(self, scope: Scope, *, is_file: bool, has_origin: bool) -> Response | None:
        """The answer where no handler is asked."""
        if scope["method"] == "OPTIONS" and has_origin:
            if is_file and not self._file_cors:
                return errors.render(errors.cors_not_enabled(), scope[request_id.SCOPE_KEY])
            return _preflight(scope)
        if not is_file and scope["path"].endswith("/"):
            return _redirect(scope)
        return None


def _fold_slashes(scope: Scope) -> None:
    raw: bytes = scope["raw_path"]
    scope[SENT_PATH] = scope["path"]
    if b"%" in raw:
        # The server decodes with U+FFFD for what is not UTF-8; Go prints it once for each byte.
        scope[SENT_PATH] = unquote_to_bytes(raw).decode("utf-8", "surrogateescape")
    if b"//" in raw:
        scope["path"] = _SLASHES.sub("/", scope["path"])
        scope["raw_path"] = _RAW_SLASHES.sub(b"/", raw)


def _preflight(scope: Scope) -> Response:
    """What a browser wants to know before it sends a request of another site's (go)."""
    asked = header_of(scope, b"access-control-request-headers")
    allowed = {"Access-Control-Allow-Headers": asked} if asked else {}
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=PREFLIGHT_HEADERS | allowed)


def _redirect(scope: Scope) -> Response | None:
    """From a path with a slash too many to the operation without it (go: gin)."""
    path = scope["path"].rstrip("/")
    if not operations.allows(scope["method"], path):
        return None
    query = scope["query_string"].decode("latin-1")
    status = HTTPStatus.TEMPORARY_REDIRECT
    if scope["method"] == "GET":
        status = HTTPStatus.MOVED_PERMANENTLY
    location = f"{path}?{query}" if query else path
    return Response(status_code=status, headers={"Location": location})
