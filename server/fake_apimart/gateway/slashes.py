"""A slash too many behind a path: sent on to the operation without it, as the vendor's router does.

This comes before all else, and the answer carries no header of the API's (go: gin).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote, unquote_to_bytes

from starlette.responses import Response

from fake_apimart.gateway.exchange import Exchange
from fake_apimart.settings.settings import Settings

_KEPT = "$&+,/:;=@"
"""What Go writes as it is into a path, beside the unreserved characters that `quote` keeps."""
_NOT_ASCII = "".join(map(chr, range(0x80, 0x100)))
_HEX_ESCAPES = str.maketrans({each: f"%{ord(each):02x}" for each in _NOT_ASCII})
_HTML_ESCAPES = {
    b"&": b"&amp;",
    b"<": b"&lt;",
    b">": b"&gt;",
    b'"': b"&#34;",
    b"'": b"&#39;",
}


def redirect(
    exchange: Exchange, settings: Settings, is_routed: Callable[[str, str], bool]
) -> Response | None:
    """Return the redirect to what `is_routed`, given method and path, without the slash.

    None where nothing is. Doubled slashes at the end are no slash too many (go). The prefix that a
    proxy states stands before the path (go: gin), as far as the settings trust the proxy.
    """
    paths = exchange.paths
    if not paths.path.endswith("/") or paths.sent.endswith("//"):
        return None
    if not is_routed(exchange.method, paths.path.removesuffix("/")):
        return None
    url = exchange.arrival.base_path(settings).encode() + _cleaned(paths.raw_path)
    if exchange.query_string:
        url += b"?" + exchange.query_string
    headers = {"Location": url.decode("latin-1").translate(_HEX_ESCAPES)}
    if exchange.method != "GET":
        return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)
    body = b'<a href="%b">Moved Permanently</a>.\n\n' % _html_escaped(url)
    return Response(body, HTTPStatus.MOVED_PERMANENTLY, headers, media_type="text/html")


def _cleaned(raw_path: bytes) -> bytes:
    """Return a path without the slash, its dots resolved, and escaped anew as Go does."""
    path = posixpath.normpath(unquote_to_bytes(raw_path).removesuffix(b"/"))
    return quote(path, safe=_KEPT).encode()


def _html_escaped(text: bytes) -> bytes:
    for special, escape in _HTML_ESCAPES.items():
        text = text.replace(special, escape)
    return text
