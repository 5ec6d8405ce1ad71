"""Answers that never arrive whole: faults of the connection, not of the service.

A response that is wrapped here ends as its fault says, by raising `Abandoned` for the connection
to be ended, without a word in the log.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from fake_apimart.common.waits import pause, until
from fake_apimart.http.connection import is_closed

BEFORE = "instead of the operation"
AFTER = "once the operation is done"
SECONDS_PER_BYTE = 1.0


class Abandoned(Exception):
    """The connection is to be ended here; `reset` by a TCP reset, else as if all were said."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


class SocketFault(NamedTuple):
    """`when` it happens, and what a client meets."""

    when: str
    meaning: str


SOCKET_FAULTS = {
    "close_before_reading": SocketFault(BEFORE, "closed at once, the body unread"),
    "reset_after_reading": SocketFault(BEFORE, "reset, once the body has been read"),
    "never_answer": SocketFault(BEFORE, "kept open without a word, until the client gives up"),
    "end_after_headers": SocketFault(AFTER, "closed after the answer's headers"),
    "cut_in_body": SocketFault(AFTER, "closed after half of the answer's body"),
    "one_byte_per_second": SocketFault(AFTER, "the answer's body comes a byte per second"),
}
"""By name. After those that happen once the operation is done, the file or the task is there."""


async def refuse(name: str, request: Request, stopping: asyncio.Event) -> None:
    """Let a fault happen that comes instead of the operation. Raises Abandoned."""
    if name != "close_before_reading":
        await _read_to_end(request, stopping)
    if name == "never_answer":
        await _until_gone(request, stopping)
    raise Abandoned(reset=name == "reset_after_reading")


async def _read_to_end(request: Request, stopping: asyncio.Event) -> None:
    more = True
    while more and not stopping.is_set():
        message = await request.receive()
        more = message["type"] != "http.disconnect" and message.get("more_body", False)


async def _until_gone(request: Request, stopping: asyncio.Event) -> None:
    """Until the client has closed its side, or the server stops."""
    await until(request.receive(), stopping)


async def send_broken(
    name: str, response: Response, request: Request, send: Send, stopping: asyncio.Event
) -> None:
    """Send `response` as the fault says. Raises Abandoned where it is cut."""
    broken = _SENDERS[name](request.scope, send, stopping)
    await response(request.scope, request.receive, broken)


def _ended_after_headers(scope: Scope, send: Send, stopping: asyncio.Event) -> Send:
    async def send_broken(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            return
        # The head leaves with the first of the body, be it nothing.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        raise Abandoned

    return send_broken


def _cut_in_body(scope: Scope, send: Send, stopping: asyncio.Event) -> Send:
    left = 0

    async def send_broken(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            left = int(Headers(raw=message["headers"]).get("content-length", "0")) // 2
            await send(message)
            return
        body = message.get("body", b"")[:left]
        left -= len(body)
        await send({"type": "http.response.body", "body": body, "more_body": True})
        if not left:
            raise Abandoned

    return send_broken


def _byte_by_byte(scope: Scope, send: Send, stopping: asyncio.Event) -> Send:
    async def send_broken(message: Message) -> None:
        body = message.get("body", b"")
        for position in range(len(body)):
            one = body[position : position + 1]
            await send({"type": "http.response.body", "body": one, "more_body": True})
            await pause(SECONDS_PER_BYTE, stopping)
            if stopping.is_set() or is_closed(scope):
                raise Abandoned
        await send({**message, "body": b""} if body else message)

    return send_broken


_SENDERS = {
    "end_after_headers": _ended_after_headers,
    "cut_in_body": _cut_in_body,
    "one_byte_per_second": _byte_by_byte,
}
