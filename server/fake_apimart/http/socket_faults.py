"""Answers that never arrive whole: faults of the connection, not of the service.

They need our own protocol, which alone can end a connection on purpose. A fault raises `Abandoned`
where the connection must end, which is not an error and is not logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Send

from fake_apimart.common.waits import pause, wait_for_event

BEFORE = "instead of the operation"
AFTER = "once the operation is done"
SECONDS_PER_BYTE = 1.0


class Abandoned(Exception):
    """The connection must end here: by a TCP reset with `reset`, else by an orderly close."""

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


async def refuse(
    name: str, receive: Receive, end: Callable[[], Awaitable[object]], stopping: asyncio.Event
) -> None:
    """Carry out a fault that replaces the operation. Raises Abandoned.

    `end` waits until the client has closed the connection, or its side of it.
    """
    if name != "close_before_reading":
        await wait_for_event(_read_to_end(receive), stopping)
    if name == "never_answer":
        await wait_for_event(end(), stopping)
    raise Abandoned(reset=name == "reset_after_reading")


async def _read_to_end(receive: Receive) -> None:
    more = True
    while more:
        message = await receive()
        more = message["type"] != "http.disconnect" and message.get("more_body", False)


def broken(name: str, send: Send, is_closed: Callable[[], bool], stopping: asyncio.Event) -> Send:
    """Return a `send` that sends an answer as the fault `name` says; it raises Abandoned.

    `is_closed` says whether the client is gone.
    """
    if name == "end_after_headers":
        return _ended_after_headers(send)
    if name == "cut_in_body":
        return _cut_in_body(send)
    return _byte_by_byte(send, is_closed, stopping)


def _ended_after_headers(send: Send) -> Send:
    async def send_broken(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            return
        # The head leaves with the first of the body, be it nothing.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        raise Abandoned

    return send_broken


def _cut_in_body(send: Send) -> Send:
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


def _byte_by_byte(send: Send, is_closed: Callable[[], bool], stopping: asyncio.Event) -> Send:
    async def send_broken(message: Message) -> None:
        body = message.get("body", b"")
        for position in range(len(body)):
            one = body[position : position + 1]
            await send({"type": "http.response.body", "body": one, "more_body": True})
            await pause(SECONDS_PER_BYTE, stopping)
            if stopping.is_set() or is_closed():
                raise Abandoned
        await send({**message, "body": b""} if body else message)

    return send_broken
