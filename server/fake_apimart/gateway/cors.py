"""Cross-origin headers: what a browser needs so that a page of another site may read answers."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from fake_apimart.contract import errors
from fake_apimart.contract.rendering import render
from fake_apimart.gateway.exchange import Exchange

PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET,POST,PUT,DELETE,OPTIONS",
    "Access-Control-Max-Age": "43200",
}
_ANY_ORIGIN = (b"access-control-allow-origin", b"*")
API_HEADERS = [_ANY_ORIGIN, (b"access-control-allow-credentials", b"true")]
FILE_HEADERS = [
    _ANY_ORIGIN,
    (
        b"access-control-expose-headers",
        b"Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified",
    ),
]


def is_foreign(exchange: Exchange) -> bool:
    """Return whether a page of another host sent the request (go: gin-contrib/cors).

    Hosts are compared to the byte, ports included, and the scheme is either.
    """
    origin = exchange.headers.get(b"origin")
    if not origin:
        return False
    host = exchange.headers.get(b"host", b"")
    return origin not in (b"http://" + host, b"https://" + host)


class Cors:
    """Where answers carry cross-origin headers: on the API always, on files with `file_cors`."""

    def __init__(self, *, file_cors: bool) -> None:
        self._file_cors = file_cors

    def headers(self, *, is_file: bool) -> list[tuple[bytes, bytes]]:
        """Return what is added to the answer to a request of another site's."""
        if not is_file:
            return API_HEADERS
        return FILE_HEADERS if self._file_cors else []

    def preflight(self, exchange: Exchange, *, is_file: bool) -> Response:
        """Answer what a browser asks before it sends a request of another site's (go).

        The headers that it asks for are allowed by name, since `*` does not cover `Authorization`
        in every browser (assumed).
        """
        if is_file and not self._file_cors:
            return render(errors.cors_not_enabled(), exchange.request_id)
        asked = exchange.header(b"access-control-request-headers")
        allowed = {"Access-Control-Allow-Headers": asked} if asked else {}
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=PREFLIGHT_HEADERS | allowed)
