"""Answers that are whole when they begin leave in one write.

uvicorn writes head and body apart: two calls of the operating system for each poll, and a client
that may read the one before the other has come. Whatever is not the ordinary case is left to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

from fake_apimart.connection import cycle_of

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

ACCESS_LINE = '%s - "%s %s HTTP/%s" %d'
"""As uvicorn has it."""

_NOT_ORDINARY = (b"connection", b"transfer-encoding")


class WholeAnswer:
    """Wraps an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, _Held(scope, send).send)


class _Held:
    """The head of an answer, until it is known whether all of its body comes at once."""

    __slots__ = ("_scope", "_send", "_start")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            cycle = cycle_of(self._scope)
            if not message.get("more_body", False) and cycle is not None and _is_ordinary(cycle):
                head = _head(cycle, start, message["body"])
                if head is not None:
                    _write(cycle, start["status"], head + message["body"])
                    return
            await self._send(start)
        await self._send(message)


def _is_ordinary(cycle: RequestResponseCycle) -> bool:
    """Whether the client takes what is sent, and the connection stays open behind it."""
    return cycle.keep_alive and not (
        cycle.disconnected
        or cycle.response_started
        or cycle.flow.write_paused
        or cycle.scope["method"] == "HEAD"
    )


def _head(cycle: RequestResponseCycle, start: Message, body: bytes) -> bytes | None:
    """The bytes of an ordinary head before `body`; None of any other, or where it is malformed."""
    length = None
    lines = [STATUS_LINE[start["status"]]]
    for name, value in cycle.default_headers + start["headers"]:
        if name in _NOT_ORDINARY:
            return None
        if name == b"content-length":
            length = value
        lines.append(b"%b: %b\r\n" % (name, value))
    lines.append(b"\r\n")
    head = b"".join(lines)
    is_well_formed = head.count(b"\n") == head.count(b"\r") == len(lines)
    return head if is_well_formed and length == b"%d" % len(body) else None


def _write(cycle: RequestResponseCycle, status: int, answer: bytes) -> None:
    """Send an answer, and tell uvicorn that it has been."""
    scope: Any = cycle.scope
    if cycle.access_log:
        path = get_path_with_query_string(scope)
        client, version = get_client_addr(scope), scope["http_version"]
        cycle.access_logger.info(ACCESS_LINE, client, scope["method"], path, version, status)
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(answer)
    cycle.message_event.set()
    cycle.on_response()
