"""HTTP/1.1 on a connection: uvicorn's protocol, where it would drop what Go's server hands on.

A body that ends too early, or whose chunks are malformed, reaches the application with Go's
error text; uvicorn alone answers neither. What protects against request smuggling stays as it is:
a request whose head is ambiguous is refused, and nothing behind a broken body is ever taken for
another request.
"""

from __future__ import annotations

import asyncio
import re
import weakref
from typing import Any

import httptools
from fake_apimart_storage import Chunk
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fake_apimart.common.clock import SystemClock
from fake_apimart.go.multipart import UNEXPECTED_EOF
from fake_apimart.http import incoming_body
from fake_apimart.http.access_log import AccessLog
from fake_apimart.http.connection import CYCLE
from fake_apimart.http.headers import head_of
from fake_apimart.http.incoming_body import IncomingBody
from fake_apimart.http.large_body import LARGE_BYTES, LargeBody
from fake_apimart.http.request_body import BROKEN_BODY

RESET_AVOIDANCE_SECONDS = 0.5
"""How long what still comes is discarded, as in Go."""

MAX_HEAD_BYTES = 1024 * 1024 + 4096
"""The largest request head, as in Go."""

CHUNK_ERRORS = {
    "Invalid character in chunk size": "invalid byte in chunk length",
    "Chunk size overflow": "http chunk length too large",
    "Missing expected CR after chunk size": "chunked line ends with bare LF",
    "Expected LF after chunk size": "invalid CR in chunked line",
}
"""Go's words for the parser's; all others are `malformed chunked encoding`."""

ACCESS_LOG = AccessLog(SystemClock())

_BAD_REQUEST = "400 Bad Request"
_MALFORMED_CHUNK = "malformed chunked encoding"
_HOST = re.compile(rb"[A-Za-z0-9!$%&'()*+,\-.:;=\[\]_~]*")


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_logger = ACCESS_LOG  # type: ignore[assignment]
        self._in_head = True
        self._head_bytes = 0
        self._refusing = False
        self._host_refusal: str | None = None
        self._body: IncomingBody | None = None
        self._body_left = 0

    def data_received(self, data: bytes) -> None:
        if self._refusing:
            return
        if self._body_left:
            self._take_body(data)
            return
        self._unset_keepalive_if_required()
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse("431 Request Header Fields Too Large")
                return
        self._parse(data)
        if self._body_left >= LARGE_BYTES:
            self._receive_large()

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if self._is_receiving:
                self._break_body(CHUNK_ERRORS.get(str(error), _MALFORMED_CHUNK))
            else:
                self._refuse(self._host_refusal or _BAD_REQUEST)

    def _receive_large(self) -> None:
        """Have the rest of a body received in larger pieces."""
        at_once = incoming_body.high_water(len(self.connections))
        self.transport.set_protocol(
            LargeBody(self.transport, self, self._body_left, at_once, self._body_received)
        )

    def _take_body(self, data: bytes) -> None:
        """More of a body whose length is known, and what comes behind it."""
        rest = data[self._body_left :]
        self._body_received(data[: self._body_left] if rest else data)
        if rest and self.cycle.keep_alive:
            self.data_received(rest)

    def _body_received(self, chunk: Chunk) -> None:
        """More of a body whose length is known, past the parser, which would copy it.

        A new parser goes on behind its end.
        """
        self._unset_keepalive_if_required()
        self.on_body(chunk)
        if not self._body_left:
            self.parser = _new_parser(self)
            self.on_message_complete()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        scope: Scope = self.scope  # type: ignore[assignment]
        head = head_of(scope)
        self._host_refusal = _host_refusal(head, self.headers, self.parser)
        if self._host_refusal is not None:
            # The parser stops at this, and `data_received` learns of it.
            raise ValueError(self._host_refusal)
        super().on_headers_complete()
        # Weak, since it refers to the scope itself: a circle per request would wait for the
        # garbage collector.
        scope[CYCLE] = weakref.ref(self.cycle)
        self._body = None
        length = head.get(b"content-length")
        if length is not None or b"transfer-encoding" in head:
            high_water = incoming_body.high_water(len(self.connections))
            self._body = scope[incoming_body.SCOPE_KEY] = IncomingBody(self.cycle, high_water)
        self._body_left = int(length or 0)
        self._in_head = False

    def on_body(self, body: Chunk) -> None:
        if self._body_left:
            self._body_left -= len(body)
        if self._body is not None and not self.cycle.response_complete:
            self._body.put(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = 0

    def _decline_upgrade(self, rest: bytes) -> None:
        """Read a request that asks for another protocol anew, without the wish, as Go does.

        The parser takes all that follows such a head for the other protocol. curl and Java's
        client ask for HTTP/2 in this way, and send their body with it.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(_BAD_REQUEST)
            return
        version = self.parser.get_http_version().encode()
        headers = [b"%b: %b\r\n" % each for each in self.headers if each[0] != b"upgrade"]
        self.parser = _new_parser(self)
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(headers))
        self.data_received(head + rest)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # uvicorn leaves the timer running where the client reset the connection, and with it the
        # last request's head in memory.
        self._unset_keepalive_if_required()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client has shut its side; whether ours stays open for an answer."""
        if self.cycle is None or self.cycle.response_complete:
            return False
        self.cycle.keep_alive = False
        if self._is_receiving:
            self._break_body(UNEXPECTED_EOF)
        return True

    @property
    def _is_receiving(self) -> bool:
        """Whether a request's body is under way."""
        cycle = self.cycle
        return cycle is not None and cycle.more_body and not cycle.response_complete

    def _break_body(self, error: str) -> None:
        """End the body of the request under way, and the connection with its answer."""
        scope: dict[str, Any] = self.cycle.scope  # type: ignore[assignment]
        scope[BROKEN_BODY] = error
        self._refusing = True
        self.cycle.transport = _GentleTransport(self.transport, self.loop)  # type: ignore[assignment]
        self.cycle.keep_alive = False
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def _refuse(self, status: str) -> None:
        """Answer what is no request as Go does, and end the connection.

        While another request is being answered, its answer ends the connection instead.
        """
        self._refusing = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            return
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close"
        transport = _GentleTransport(self.transport, self.loop)
        transport.write(f"{head}\r\n\r\n{status}".encode())
        transport.close()


class _GentleTransport:
    """Ends a connection on which the client may still be sending, as Go's server does.

    Closing it while something lies unread resets it, and the client may lose the answer. So only
    our side is shut at first.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self.write = transport.write
        self.abort = transport.abort
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing

    def close(self) -> None:
        if not self._transport.is_closing():
            self._transport.write_eof()
            self._loop.call_later(RESET_AVOIDANCE_SECONDS, self._transport.close)


def _new_parser(protocol: Protocol) -> httptools.HttpRequestParser:
    """As uvicorn sets them up."""
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def _host_refusal(
    head: dict[bytes, bytes],
    headers: list[tuple[bytes, bytes]],
    parser: httptools.HttpRequestParser,
) -> str | None:
    """The status with which Go refuses a request for its `Host` headers; None where it does not.

    `head` has one value for each name in `headers`; `parser` knows the version.
    """
    host = head.get(b"host")
    if host is None:
        is_needed = parser.get_http_version() == "1.1"
        return "400 Bad Request: missing required Host header" if is_needed else None
    if len(head) < len(headers) and sum(name == b"host" for name, _ in headers) > 1:
        return _BAD_REQUEST
    return None if _HOST.fullmatch(host) else "400 Bad Request: malformed Host header"
