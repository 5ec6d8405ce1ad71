"""Writes one answer onto a connection: its head, its framed body, the end of the connection.

Head and body of an ordinary answer leave in one write: one call of the operating system for each
poll, and no client reads the one before the other has come.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from email.utils import formatdate
from enum import Enum, auto
from http import HTTPStatus
from typing import Protocol

from starlette.types import Message

from fake_apimart.common.clock import SystemClock
from fake_apimart.go.textproto import EOF
from fake_apimart.http import early_answers
from fake_apimart.http.flow_control import FlowControl
from fake_apimart.http.incoming_body import IncomingBody
from fake_apimart.net_http.status_text import status_text
from fake_apimart.observability.request_record import RequestRecord

_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_CLOCK = SystemClock()
_NO_CHUNK = b"no size\r\n"
_NANOSECONDS_PER_SECOND = 1_000_000_000


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {status_text(status)}\r\n".encode()


_CONNECTION_LINES = {True: b"connection: keep-alive\r\n", False: b"connection: close\r\n"}
STATUS_LINES = {status: _status_line(status) for status in range(100, 600)}


class Framing(Enum):
    """How a client recognizes the end of a body."""

    LENGTH = auto()
    """By a Content-Length."""
    CHUNKED = auto()
    CLOSE = auto()
    """By the end of the connection: HTTP/1.0 has no chunks."""
    NONE = auto()
    """There is no body: HEAD, 204, 304."""


class Output(Protocol):
    """What of a transport an answer needs."""

    def write(self, data: bytes) -> None: ...

    def write_eof(self) -> None: ...

    def is_closing(self) -> bool: ...

    def close(self) -> None: ...


class GentleTransport:
    """Ends a connection as Go's server does.

    Closing it while something lies unread resets it, and the client may lose the answer. So only
    our side is shut at first.
    """

    def __init__(self, transport: Output) -> None:
        self._transport = transport
        self.write = transport.write
        self.is_closing = transport.is_closing

    def write_eof(self) -> None:
        """Shut our side."""
        if not self.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Shut our side now, and the other after RESET_AVOIDANCE_SECONDS."""
        if not self.is_closing():
            self.write_eof()
            loop = asyncio.get_running_loop()
            loop.call_later(early_answers.RESET_AVOIDANCE_SECONDS, self._transport.close)


class ResponseWriter:
    """`send` of one ASGI request.

    The head is held until the first of the body is there. `body` is the request's, None where it
    has none. `record` learns what has left. `on_sent` is called after the last byte, `on_complete`
    once another request may follow.
    `bytes_left` are still to come of an announced length.
    """

    __slots__ = (
        "_body",
        "_default_headers",
        "_flow",
        "_framing",
        "_is_http_1_0",
        "_method",
        "_on_complete",
        "_on_sent",
        "_record",
        "_start",
        "bytes_left",
        "is_complete",
        "is_disconnected",
        "is_lingering",
        "is_sent",
        "is_started",
        "is_stopping",
        "keep_alive",
        "transport",
    )

    def __init__(
        self,
        transport: Output,
        flow: FlowControl,
        body: IncomingBody | None,
        *,
        method: str,
        is_http_1_0: bool,
        keep_alive: bool,
        default_headers: list[tuple[bytes, bytes]],
        record: RequestRecord,
        on_sent: Callable[[], None],
        on_complete: Callable[[], None],
    ) -> None:
        self.keep_alive = keep_alive
        self.is_started = False
        self.is_complete = False
        self.is_disconnected = False
        self.is_lingering = False
        self.is_sent = False
        self.is_stopping = False
        self.transport = transport
        self._flow = flow
        self._body = body
        self._method = method
        self._is_http_1_0 = is_http_1_0
        self._default_headers = default_headers
        self._record = record
        self._on_sent = on_sent
        self._on_complete = on_complete
        self._start: Message | None = None
        self._framing = Framing.NONE
        self.bytes_left = 0

    async def send(self, message: Message) -> None:
        """Take the next message of the answer. Raises RuntimeError where it is out of place."""
        if self._flow.is_writing_paused:
            await self._flow.drain()
        if self.is_disconnected:
            return
        if message["type"] == "http.response.start" and not self.is_started:
            await self._take_start(message)
        elif message["type"] == "http.response.body" and self.is_started and not self.is_complete:
            await self._take_body(message.get("body", b""), message.get("more_body", False))
        else:
            raise RuntimeError(f"unexpected message {message['type']} in an answer")

    async def _take_start(self, message: Message) -> None:
        self.is_started = True
        if self._body is not None and not (self._body.has_ended and self._body.ending == EOF):
            is_kept = await early_answers.settle(self._body, message, keep_alive=self.keep_alive)
            self.keep_alive &= is_kept
        self._start = message

    async def _take_body(self, body: bytes, more: bool) -> None:
        start = self._start
        head = b"" if start is None else self._head(start)
        data = self._framed(body, more)
        if start is not None:
            # Until here an application's mistake can still be answered 500.
            self._start = None
            self._record.status = start["status"]
        if head and more:
            # Joined with a long first piece, the head would cost a copy of it.
            self.transport.write(head)
            head = b""
        if head or data:
            self.transport.write(head + data if head else data)
        if self._framing is not Framing.NONE:
            self._record.bytes_out += len(body)
        if more:
            return
        if self.bytes_left:
            raise RuntimeError("the answer is shorter than its Content-Length")
        self.is_sent = True
        self._on_sent()
        if not self.keep_alive and self._body is not None and not self._body.is_complete:
            self.is_lingering = True
            self.close_gently()
            self.transport.write_eof()
            await early_answers.linger(self._body, is_stopping=self.is_stopping)
        self._complete()

    def close_gently(self) -> None:
        """Close the connection after the answer, without a reset of a client that still sends."""
        self.keep_alive = False
        if not isinstance(self.transport, GentleTransport):
            self.transport = GentleTransport(self.transport)

    def spoil_chunks(self) -> None:
        """Write what is no chunk's size, where the answer is sent in chunks."""
        if self._framing is Framing.CHUNKED and not self.is_disconnected:
            self.transport.write(_NO_CHUNK)

    def stop_keeping(self) -> None:
        """Let no other request follow, and read on whatever the client has sent ahead."""
        self.keep_alive = False
        self._flow.resume_reading()

    def take_back(self) -> bool:
        """Forget an answer of which nothing has left yet; return False if something has."""
        if self.is_started and self._start is None:
            return False
        self.is_started, self._start = False, None
        return True

    def _head(self, start: Message) -> bytes:
        """Return the bytes of the head, and settle how the body is framed."""
        status: int = start["status"]
        self._framing = Framing.NONE
        line = STATUS_LINES[status]
        lines = [line.replace(b"1.1", b"1.0", 1) if self._is_http_1_0 else line]
        length = None
        says_close = False
        names = {name for name, _ in start["headers"]}
        defaults = (_dated(each) for each in self._default_headers if each[0] not in names)
        for name, value in (*defaults, *start["headers"]):
            if name == b"content-length":
                length = int(value)
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive, says_close = False, True
            lines.append(b"%b: %b\r\n" % (name, value))
        if self._method != "HEAD" and status not in _BODILESS:
            self._framing = self._framing_for(length)
            if self._framing is Framing.CHUNKED:
                lines.append(b"transfer-encoding: chunked\r\n")
        if self.keep_alive is self._is_http_1_0 and not says_close:
            # What is not the default of the client's version.
            lines.append(_CONNECTION_LINES[self.keep_alive])
        lines.append(b"\r\n")
        head = b"".join(lines)
        if not head.count(b"\n") == head.count(b"\r") == len(lines):
            raise RuntimeError("a header of the answer holds a line end")
        return head

    def _framing_for(self, length: int | None) -> Framing:
        if length is not None:
            self.bytes_left = length
            return Framing.LENGTH
        if not self._is_http_1_0:
            return Framing.CHUNKED
        self.keep_alive = False
        return Framing.CLOSE

    def _framed(self, body: bytes, more: bool) -> bytes:
        """Return the next of the body as it goes onto the wire. Raises RuntimeError."""
        if self._framing is Framing.NONE:
            return b""
        if self._framing is Framing.LENGTH:
            self.bytes_left -= len(body)
            if self.bytes_left < 0:
                raise RuntimeError("the answer is longer than its Content-Length")
            return body
        if self._framing is Framing.CLOSE:
            return body
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return chunk if more else chunk + b"0\r\n\r\n"

    def _complete(self) -> None:
        self.is_complete = True
        if self._body is not None:
            self._body.abandon()
        if not self.keep_alive:
            self.transport.close()
        self._on_complete()


def _dated(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return a default header, the date as it is now.

    uvicorn renews it once per second: a file would seem to be newer than the answer that has it.
    """
    if header[0] != b"date":
        return header
    return header[0], _date(_CLOCK.time_ns() // _NANOSECONDS_PER_SECOND)


@functools.lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
