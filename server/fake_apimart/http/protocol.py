"""HTTP/1.1 as Go's server reads it, on httptools' parser: from bytes to requests.

A body that ends too early, or whose chunks are malformed, reaches the application with Go's error
text. Against request smuggling, a request whose head is ambiguous is refused, and nothing behind a
broken body is ever taken for another request.

uvicorn makes one Protocol for each connection, and calls its `shutdown` when the server stops. All
that this project relies on of uvicorn's insides is here and in `connection.py`;
tests/test_uvicorn_contract.py names each piece.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from fake_apimart_storage import Chunk
from uvicorn.config import Config
from uvicorn.server import ServerState

from fake_apimart.go.multipart import UNEXPECTED_EOF
from fake_apimart.http.connection import Connection
from fake_apimart.http.incoming_body import IncomingBody
from fake_apimart.http.large_body import LARGE_BYTES, LargeBody
from fake_apimart.http.request_head import BAD_REQUEST, RequestHead
from fake_apimart.http.transaction import GentleTransport

MAX_HEAD_BYTES = 1024 * 1024 + 4096
"""The largest request head (go)."""

CHUNK_ERRORS = {
    "Invalid character in chunk size": "invalid byte in chunk length",
    "Chunk size overflow": "http chunk length too large",
    "Missing expected CR after chunk size": "chunked line ends with bare LF",
    "Expected LF after chunk size": "invalid CR in chunked line",
}
"""Go's words for the parser's; all others are `malformed chunked encoding`."""

_MALFORMED_CHUNK = "malformed chunked encoding"


class Protocol(asyncio.Protocol):
    """Reads the requests of one connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._state = server_state
        self._connection: Connection
        self._parser = _new_parser(self)
        self._is_refusing = False
        # Of the request that is being received: its head, then the rest of its body.
        self._head = RequestHead()
        self._in_head = True
        self._head_bytes = 0
        self._refusal: str | None = None
        self._body: IncomingBody | None = None
        self._body_left = 0

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._connection = Connection(self._config, self._state, transport)
        self._state.connections.add(self)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.connections.discard(self)
        self._connection.lost()
        if exc is None:
            self._connection.transport.close()
        # The parser refers to this object: the two would wait for the garbage collector.
        del self._parser
        self._body = None

    @property
    def client(self) -> tuple[str, int] | None:
        """Host and port of the peer."""
        return self._connection.client

    def shutdown(self) -> None:
        """End the connection, behind the answer that is under way."""
        if not self._connection.end_after_latest():
            self._connection.transport.close()

    def pause_writing(self) -> None:
        self._connection.flow.pause_writing()

    def resume_writing(self) -> None:
        self._connection.flow.resume_writing()

    def eof_received(self) -> bool:
        """Return whether our side stays open for an answer to a client that has shut its own."""
        is_answering = self._connection.end_after_latest()
        if self._is_receiving:
            self._break_body(UNEXPECTED_EOF)
        return is_answering

    # Bytes

    def data_received(self, data: bytes) -> None:
        if self._is_refusing:
            return
        if self._body_left:
            self._take_body(data)
            return
        self._connection.stop_keep_alive_timer()
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
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if self._is_receiving:
                self._break_body(CHUNK_ERRORS.get(str(error), _MALFORMED_CHUNK))
            else:
                self._refuse(self._refusal or BAD_REQUEST)

    def _receive_large(self) -> None:
        """Have the rest of a body received in larger pieces."""
        transport, at_once = self._connection.transport, self._connection.most_held_bytes
        transport.set_protocol(
            LargeBody(transport, self, self._body_left, at_once, self._body_received)
        )

    def _take_body(self, data: bytes) -> None:
        """Take more of a body whose length is known, and what comes behind it."""
        rest = data[self._body_left :]
        self._body_received(data[: self._body_left] if rest else data)
        latest = self._connection.latest
        if rest and latest is not None and latest.writer.keep_alive:
            self.data_received(rest)

    def _body_received(self, chunk: Chunk) -> None:
        """Take more of a body whose length is known, past the parser, which would copy it.

        A new parser goes on behind its end.
        """
        self._connection.stop_keep_alive_timer()
        self.on_body(chunk)
        if not self._body_left:
            self._parser = _new_parser(self)
            self.on_message_complete()

    # What the parser finds

    def on_message_begin(self) -> None:
        self._head = RequestHead()

    def on_url(self, url: bytes) -> None:
        self._head.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # The parser calls this for trailers too. They are ignored: none may pass for a header.
        if self._in_head:
            self._head.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, head = self._parser, self._head
        if parser.should_upgrade():
            return
        version = parser.get_http_version()
        head.complete()
        self._refusal = head.refusal(version)
        if self._refusal is not None:
            # The parser stops at this, and `_parse` learns of it.
            raise ValueError(self._refusal)
        scope = head.to_scope(parser.get_method().decode("ascii"), version)
        keep_alive = version != "1.0" and parser.should_keep_alive()
        self._body = self._connection.begin(head, scope, keep_alive=keep_alive).body
        self._body_left = head.content_length
        self._in_head = False

    def on_body(self, body: Chunk) -> None:
        if self._body_left:
            self._body_left -= len(body)
        if self._body is not None and self._connection.is_answering:
            self._body.put(body)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return
        if self._body is not None:
            self._body.end()
        self._in_head = True
        self._head_bytes = 0

    # What is no request

    @property
    def _is_receiving(self) -> bool:
        """Whether the body of a request is under way that is still being answered."""
        return (
            self._body is not None and not self._body.is_complete and self._connection.is_answering
        )

    def _break_body(self, error: str) -> None:
        """End the body of the request under way, and the connection with its answer."""
        assert self._connection.latest is not None
        assert self._body is not None
        self._is_refusing = True
        self._connection.latest.close_gently()
        self._body.end(error)

    def _decline_upgrade(self, rest: bytes) -> None:
        """Parse a request that asks for an upgrade again without its `Upgrade` header, as Go does.

        The parser takes all that follows such a head for the other protocol. curl and Java's
        client ask for HTTP/2 in this way, and send their body with it.
        """
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._refuse(BAD_REQUEST)
            return
        head = self._head.without_upgrade(method, self._parser.get_http_version())
        self._parser = _new_parser(self)
        self.data_received(head + rest)

    def _refuse(self, status: str) -> None:
        """Answer what is no request as Go does, and end the connection.

        While another request is being answered, its answer ends the connection instead.
        """
        self._is_refusing = True
        if self._connection.end_after_latest():
            return
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close"
        transport = GentleTransport(self._connection.transport)
        transport.write(f"{head}\r\n\r\n{status}".encode())
        transport.close()


def _new_parser(protocol: Protocol) -> httptools.HttpRequestParser:
    """Return a parser that takes no offence at bytes behind a request that ends its connection."""
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
