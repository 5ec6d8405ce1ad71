"""How answers leave: whole ones in one write, early ones so that the client sees them.

uvicorn writes head and body apart: two calls of the operating system for each poll, and a client
may read the one before the other has come. Whatever is not the ordinary case is left to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from fake_apimart.http import early_answers as early_answer
from fake_apimart.http import incoming_body
from fake_apimart.http.connection import cycle_of
from fake_apimart.http.incoming_body import IncomingBody

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

ADDED_HEADERS = "fake_apimart.added_headers"
"""Scope key: what an answer's head carries beside the headers that its handler gave it."""

_NOT_ORDINARY = (b"connection", b"transfer-encoding")


class Answering:
    """Wraps an application, which then need not read a body that it does not want."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body: IncomingBody | None = scope.get(incoming_body.SCOPE_KEY)
        if body is not None:
            receive = body.receive
        await self._app(scope, receive, _Answer(scope, body, send).send)


class _Answer:
    """One answer. Its head is held until it is known whether all of its body comes at once."""

    __slots__ = ("_body", "_lingers", "_scope", "_send", "_start")

    def __init__(self, scope: Scope, body: IncomingBody | None, send: Send) -> None:
        self._scope = scope
        self._body = body
        self._send = send
        self._start: Message | None = None
        self._lingers = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._body is not None and not self._body.has_ended:
                self._lingers = await early_answer.settle(self._body, message)
            message["headers"] = [*message["headers"], *self._scope.get(ADDED_HEADERS, ())]
            self._start = message
            return
        start, self._start = self._start, None
        is_last = not message.get("more_body", False)
        if start is not None:
            if is_last and _write_whole(self._scope, start, message["body"]):
                return
            await self._send(start)
        if is_last and self._lingers and self._body is not None:
            await self._send({**message, "more_body": True})
            await early_answer.linger(self._body)
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)


def _write_whole(scope: Scope, start: Message, body: bytes) -> bool:
    """Send an ordinary answer, and tell uvicorn that it has been; False of any other."""
    cycle = cycle_of(scope)
    if cycle is None or not _is_ordinary(cycle):
        return False
    head = _head(cycle.default_headers + start["headers"], start["status"], body)
    if head is None:
        return False
    if cycle.access_log:
        cycle.access_logger.request(scope, start["status"])  # type: ignore[attr-defined]
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(head + body)
    cycle.message_event.set()
    cycle.on_response()
    return True


def _is_ordinary(cycle: RequestResponseCycle) -> bool:
    """Whether the client takes what is sent, and the connection stays open behind it."""
    return cycle.keep_alive and not (
        cycle.disconnected
        or cycle.response_started
        or cycle.flow.write_paused
        or cycle.scope["method"] == "HEAD"
    )


def _head(headers: list[tuple[bytes, bytes]], status: int, body: bytes) -> bytes | None:
    """The bytes of an ordinary head before `body`; None of any other, or where it is malformed."""
    length = None
    lines = [STATUS_LINE[status]]
    for name, value in headers:
        if name in _NOT_ORDINARY:
            return None
        if name == b"content-length":
            length = value
        lines.append(b"%b: %b\r\n" % (name, value))
    lines.append(b"\r\n")
    head = b"".join(lines)
    is_well_formed = head.count(b"\n") == head.count(b"\r") == len(lines)
    return head if is_well_formed and length == b"%d" % len(body) else None
