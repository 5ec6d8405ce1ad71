"""HTTP/1.1 as Go's server reads it: from bytes to requests, one after another.

A body that ends too early, or whose chunks are malformed, reaches the application with Go's error
text. Nothing behind a broken body is ever taken for another request. Like Go, this reads the next
request once the one before it is answered; what a client sends ahead waits here, and not much of it
is read.

uvicorn makes one Protocol for each connection, and calls its `shutdown` when the server stops. All
that this project relies on of uvicorn's insides is here and in `connection.py`;
tests/test_uvicorn_contract.py names each piece.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum, auto
from typing import Any, ClassVar

from fake_apimart_storage import Chunk
from uvicorn.config import Config
from uvicorn.server import ServerState

from fake_apimart.go.textproto import EOF, UNEXPECTED_EOF
from fake_apimart.http.connection import Connection
from fake_apimart.http.incoming_body import IncomingBody
from fake_apimart.http.large_body import LARGE_BYTES, LargeBody
from fake_apimart.http.response_writer import GentleTransport
from fake_apimart.http.timeouts import Progress, Wait
from fake_apimart.net_http.chunked import ChunkedReader, ChunkError
from fake_apimart.net_http.chunked import State as ChunkState
from fake_apimart.net_http.request import BAD_REQUEST, Request, RequestError, refusal
from fake_apimart.net_http.request_reader import RequestReader
from fake_apimart.observability.log import logger_of
from fake_apimart.observability.seldom import SeldomLine
from fake_apimart.telemetry.telemetry import Telemetry

EXPECTATION_FAILED = "417 Expectation Failed"
MAX_AHEAD_BYTES = 4096
"""How much may be sent ahead before nothing more is read, and a client that leaves is missed."""

_REFUSED = SeldomLine(
    logger_of(__name__),
    "refused %d connection(s): as many are open as the limit of open files allows",
)
_UNTOLD = Telemetry()
"""For servers that nobody watches."""


class State(IntEnum):
    """What the connection receives."""

    HEAD = auto()
    BODY = auto()
    """A body of known length."""
    CHUNKS = auto()
    AHEAD = auto()
    """What comes behind a request that is being answered."""
    NOTHING = auto()
    """Whatever comes is discarded: the connection ends."""


class Protocol(asyncio.Protocol):
    """Reads the requests of one connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        telemetry: Telemetry = _UNTOLD,
    ) -> None:
        self._telemetry = telemetry
        self._config = config
        self._server_state = server_state
        self._connection: Connection
        self._state = State.HEAD
        self._head = RequestReader()
        self._body: IncomingBody | None = None
        self._body_left = 0
        self._reads = 0
        self._continues = False
        self._chunks: ChunkedReader | None = None
        self._ahead = b""
        self._has_input_ended = False

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._connection = Connection(
            self._config, self._server_state, transport, self._go_on, self._telemetry
        )
        most, connections = self._config.limit_concurrency, self._server_state.connections
        if most is not None and len(connections) >= most:
            _REFUSED.note(asyncio.get_running_loop().time())
            self._telemetry.refused_connection()
            transport.abort()
            return
        connections.add(self)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        self._server_state.connections.discard(self)
        if self._state is State.HEAD and self._head.has_begun:
            self._connection.tell_of_cut_head()
        self._connection.lost()
        if exc is None:
            self._connection.transport.close()
        # The reader refers to this object: the two would wait for the garbage collector.
        self._body = self._chunks = None

    @property
    def client(self) -> tuple[str, int] | None:
        """Host and port of the peer."""
        return self._connection.client

    def shutdown(self) -> None:
        """End the connection, behind the answer that is under way."""
        if not self._connection.end_after_answer():
            self._connection.transport.close()

    def abort(self) -> None:
        """End the connection at once, whatever is under way."""
        self._connection.transport.abort()

    def progress(self) -> Progress:
        """Return what is waited for, and how far it is."""
        connection = self._connection
        unsent = connection.transport.get_write_buffer_size()
        if unsent:
            transaction = connection.transaction
            return Wait.READING, unsent, transaction.writer.bytes_left if transaction else 0
        if self._state is State.HEAD:
            begun = Wait.NEXT if connection.requests else Wait.FIRST
            return Wait.HEAD if self._head.has_begun else begun, connection.requests, 0
        body = self._body
        if self._state in (State.BODY, State.CHUNKS) and body is not None and body.is_awaited:
            return Wait.BODY, self._reads, self._body_left
        return Wait.NO_CLIENT, 0, 0

    def pause_writing(self) -> None:
        self._connection.flow.pause_writing()

    def resume_writing(self) -> None:
        self._connection.flow.resume_writing()

    def eof_received(self) -> bool:
        """Return whether our side stays open for an answer to a client that has shut its own."""
        self._has_input_ended = True
        return self._end_input()

    def _end_input(self) -> bool:
        """Break what is not whole, and return whether an answer is under way."""
        if self._state is State.HEAD and self._head.has_begun:
            self._refuse(BAD_REQUEST, BAD_REQUEST)
            return False
        transaction = self._connection.transaction
        if transaction is None or not self._connection.is_answering:
            return False
        if self._chunks is not None:
            self._break_body(self._chunks.finish())
        elif self._state is State.BODY and self._continues:
            self._break_body(UNEXPECTED_EOF)
        elif self._state is State.BODY:
            # Go says no `Connection: close` here, although the connection has ended.
            self._end_body(UNEXPECTED_EOF)
        transaction.end_input()
        return True

    # Bytes

    def data_received(self, data: bytes) -> None:
        self._reads += 1
        position = 0
        while position < len(data):
            position = self._RECEIVE[self._state](self, data, position)
        if self._state is State.BODY and self._body_left >= LARGE_BYTES:
            self._receive_large()

    def _go_on(self) -> None:
        """Read the next request, unless the body of the one before it is still to come."""
        if self._state is not State.AHEAD:
            return
        if not self._connection.is_kept:
            # Closing gently takes time, in which the client may send another request.
            self._state = State.NOTHING
            return
        self._state = State.HEAD
        ahead, self._ahead = self._ahead, b""
        if ahead:
            self.data_received(ahead)
        if not self._has_input_ended:
            if len(self._ahead) < MAX_AHEAD_BYTES:
                self._connection.flow.resume_reading()
        elif not self._end_input():
            self._connection.transport.close()

    def _receive_head(self, data: bytes, position: int) -> int:
        try:
            position = self._head.feed(data, position)
        except RequestError as error:
            self._refuse(error.status, error.text)
            return len(data)
        request = self._head.request
        if request is not None:
            self._head = RequestReader(previous=request)
            self._begin(request)
        return position

    def _begin(self, request: Request) -> None:
        if request.expects_unknown:
            self._refuse(EXPECTATION_FAILED, request=request)
            return
        self._body = self._connection.begin(request).body
        self._body_left = request.content_length or 0
        self._continues = request.expects_continue
        if request.is_chunked:
            self._chunks = ChunkedReader(self._put)
            self._state = State.CHUNKS
        else:
            self._state = State.BODY if self._body_left else State.AHEAD

    def _receive_body(self, data: bytes, position: int) -> int:
        chunk = data[position : position + self._body_left]
        self._body_received(chunk)
        return position + len(chunk)

    def _body_received(self, chunk: Chunk) -> None:
        """Take more of a body whose length is known."""
        self._body_left -= len(chunk)
        self._put(chunk)
        if not self._body_left:
            self._end_body()

    def _receive_large(self) -> None:
        """Have the rest of a body received in larger pieces."""
        transport, at_once = self._connection.transport, self._connection.most_held_bytes
        transport.set_protocol(
            LargeBody(transport, self, self._body_left, at_once, self._body_received)
        )

    def _receive_chunks(self, data: bytes, position: int) -> int:
        assert self._chunks is not None
        try:
            position = self._chunks.feed(data, position)
        except ChunkError as error:
            self._break_body(str(error))
            return len(data)
        if self._chunks.state is ChunkState.DONE:
            self._end_body()
        return position

    def _put(self, chunk: Chunk) -> None:
        if self._body is not None and self._connection.is_answering:
            self._body.put(chunk)

    def _end_body(self, ending: str = EOF) -> None:
        self._chunks = None
        self._state = State.AHEAD
        if self._body is not None:
            self._body.end(ending)
        if not self._connection.is_answering:
            self._go_on()

    def _receive_ahead(self, data: bytes, position: int) -> int:
        """Keep what a client sends ahead, until the request before it is answered."""
        if self._connection.is_kept:
            self._ahead += data[position:]
            if len(self._ahead) >= MAX_AHEAD_BYTES:
                self._connection.flow.pause_reading()
        return len(data)

    def _receive_nothing(self, data: bytes, position: int) -> int:
        return len(data)

    # What is no request

    def _break_body(self, error: str) -> None:
        """End the body of the request under way, and the connection with its answer."""
        self._state = State.NOTHING
        self._chunks = None
        if self._body is not None and self._connection.transaction is not None:
            self._connection.transaction.close_gently()
            self._body.end(error)

    def _refuse(self, status: str, text: str = "", *, request: Request | None = None) -> None:
        """Answer what is no request as Go does, and end the connection."""
        self._state = State.NOTHING
        self._connection.tell_of_refused(request, status, text)
        transport = GentleTransport(self._connection.transport)
        transport.write(refusal(status, text, request))
        transport.close()

    _RECEIVE: ClassVar[dict[State, Callable[[Protocol, bytes, int], int]]] = {
        State.HEAD: _receive_head,
        State.BODY: _receive_body,
        State.CHUNKS: _receive_chunks,
        State.AHEAD: _receive_ahead,
        State.NOTHING: _receive_nothing,
    }
