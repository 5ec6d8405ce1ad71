"""The head of a request: its headers by name, and the ASGI scope that it becomes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import httptools
from starlette.types import Scope

Headers = Mapping[bytes, bytes]
"""One value for each name; names are in lower case."""

BAD_REQUEST = "400 Bad Request"

_HOST = re.compile(rb"[A-Za-z0-9!$%&'()*+,\-.:;=\[\]_~]*")
_ASGI = {"version": "3.0", "spec_version": "2.3"}


def first_values(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the value of each header by its lower-case name; of repeated ones the first (go)."""
    return dict(reversed(list(headers)))


def text_of(headers: Headers, name: bytes) -> str | None:
    """Return the value of the header `name` (lower case) as text, or None if it is missing."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


class RequestHead:
    """The head of one request: `url` as it was sent, `headers` in their order."""

    __slots__ = ("headers", "url", "values")

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.values: dict[bytes, bytes] = {}

    def complete(self) -> None:
        """Set `values`, the first value of each header by name, once all headers are there."""
        self.values = first_values(self.headers)

    @property
    def has_body(self) -> bool:
        """Whether a body follows, be it empty."""
        return b"content-length" in self.values or b"transfer-encoding" in self.values

    @property
    def content_length(self) -> int:
        """The announced length of the body in bytes; 0 if none is announced."""
        return int(self.values.get(b"content-length", 0))

    @property
    def expects_continue(self) -> bool:
        """Whether the client sends its body only after a `100 Continue`."""
        return self.values.get(b"expect", b"").lower() == b"100-continue"

    def refusal(self, http_version: str) -> str | None:
        """Return the status with which Go refuses a request for its `Host` headers, or None."""
        host = self.values.get(b"host")
        if host is None:
            is_needed = http_version == "1.1"
            return f"{BAD_REQUEST}: missing required Host header" if is_needed else None
        is_repeated = len(self.values) < len(self.headers)
        if is_repeated and sum(name == b"host" for name, _ in self.headers) > 1:
            return BAD_REQUEST
        return None if _HOST.fullmatch(host) else f"{BAD_REQUEST}: malformed Host header"

    def to_scope(self, method: str, http_version: str) -> Scope:
        """Return the ASGI scope, but for the connection's addresses.

        Raises httptools.HttpParserError and UnicodeDecodeError for a URL that is none.
        """
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": http_version,
            "scheme": "http",
            "method": method,
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "headers": self.headers,
        }

    def without_upgrade(self, method: bytes, http_version: str) -> bytes:
        """Return the head's bytes again, without the `Upgrade` header."""
        lines = [b"%b: %b\r\n" % each for each in self.headers if each[0] != b"upgrade"]
        version = http_version.encode()
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(lines))


def address(transport: asyncio.Transport, end: str) -> tuple[str, int] | None:
    """Return host and port of one end: `peername` or `sockname`; None where it has no port."""
    info = transport.get_extra_info(end)
    return (str(info[0]), int(info[1])) if isinstance(info, tuple) else None
