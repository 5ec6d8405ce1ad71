"""One request on a connection and its answer, from the request's head to the answer's last byte."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys

from starlette.types import ASGIApp, Message, Scope

from fake_apimart.http.incoming_body import IncomingBody
from fake_apimart.http.request_head import Headers
from fake_apimart.http.response_writer import ResponseWriter
from fake_apimart.observability.log import logger_of
from fake_apimart.observability.request_record import RequestRecord

EXTENSION = "fake_apimart.transaction"
"""Where `scope["extensions"]` has the transaction, under our own protocol alone."""

logger = logger_of(__name__)

# Linger on, for no time at all: closing then resets the connection.
_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Transaction:
    """What a request's handlers may do with the connection beyond ASGI.

    `headers` has the request's by name, `body` is None where it has none. `record` is what will
    be told of the request.
    """

    __slots__ = (
        "_changed",
        "_has_input_ended",
        "_transport",
        "_was_body_received",
        "body",
        "headers",
        "record",
        "writer",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        headers: Headers,
        body: IncomingBody | None,
        writer: ResponseWriter,
        record: RequestRecord,
    ) -> None:
        self.record = record
        self.headers = headers
        self.body = body
        self.writer = writer
        self._transport = transport
        self._changed: asyncio.Event | None = None
        self._has_input_ended = False
        self._was_body_received = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Run `app`. An exception is logged, and answered 500 if no answer has begun."""
        try:
            await app(scope, self.receive, self.writer.send)
        except asyncio.CancelledError:
            # The server stops, and has waited long enough.
            if not self.writer.is_complete:
                self._transport.close()
        except Exception as error:
            logger.error("fault in the application", exc_info=error)
            await self._fail()
        else:
            if not self.writer.is_complete and not self.is_closed:
                if not self.writer.is_started:
                    logger.error("the application gave no answer")
                await self._fail()

    async def _fail(self) -> None:
        """Answer 500, or end the connection where an answer has begun."""
        writer = self.writer
        if not writer.take_back():
            if not writer.is_complete:
                self._transport.close()
            return
        self.record.reason = "internal error"
        text = b"Internal Server Error"
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
            (b"connection", b"close"),
        ]
        await writer.send({"type": "http.response.start", "status": 500, "headers": headers})
        await writer.send({"type": "http.response.body", "body": text})

    async def receive(self) -> Message:
        """Return the next ASGI message of the request."""
        if self.body is not None:
            return await self.body.receive()
        if not self._was_body_received and not self.is_closed:
            self._was_body_received = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while not (self.is_closed or self.writer.is_complete):
            await self._next_change()
        return {"type": "http.disconnect"}

    async def wait_for_end(self) -> None:
        """Wait until the client has closed the connection, or its side of it.

        No answer may follow. So what the client sends meanwhile is discarded: where it waited here,
        nothing more would be read, nor the end be seen.
        """
        self.writer.stop_keeping()
        await self.wait_for_input_end()

    async def wait_for_input_end(self) -> None:
        """Wait until the client has closed the connection, or its side of it, as far as is read."""
        while not (self.is_closed or self._has_input_ended):
            await self._next_change()

    async def _next_change(self) -> None:
        self._changed = self._changed or asyncio.Event()
        await self._changed.wait()
        self._changed.clear()

    def _note_change(self) -> None:
        if self._changed is not None:
            self._changed.set()

    def end_input(self) -> None:
        """Note that the client has shut its side; it may still wait for the answer."""
        self._has_input_ended = True
        self._note_change()

    def completed(self) -> None:
        """Make `receive` report the disconnect: the answer is complete."""
        self._note_change()

    def disconnect(self) -> None:
        """Make `receive` report the disconnect, and stop writing unless the answer is complete."""
        if not self.writer.is_complete:
            self.writer.is_disconnected = True
        if self.body is not None:
            self.body.abandon()
        self._note_change()

    def end_connection(self) -> None:
        """End the connection with the answer, and wait no longer for a client that still sends."""
        self.writer.keep_alive = False
        self.writer.is_stopping = True
        if self.writer.is_lingering and self.body is not None:
            self.body.abandon()

    @property
    def is_closed(self) -> bool:
        """Whether the client is gone."""
        return self.writer.is_disconnected

    def spoil_chunks(self) -> None:
        """Write what is no chunk's size, where the answer is sent in chunks."""
        self.writer.spoil_chunks()

    def close_gently(self) -> None:
        """Close the connection after the answer, without a reset of a client that still sends."""
        self.writer.close_gently()

    def abandon(self, *, reset: bool) -> None:
        """End the connection without the rest of the answer, by a TCP reset if `reset` is set."""
        if self.writer.is_disconnected:
            return
        self.writer.is_disconnected = True
        if not reset:
            self._transport.close()
            return
        connected: socket.socket | None = self._transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()
