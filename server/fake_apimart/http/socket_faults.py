"""Answers that never arrive whole: faults of the connection, not of the service.

They need our own protocol, which alone can end a connection on purpose. A fault raises `Abandoned`
where the connection must end, which is not an error and is not logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Send

from fake_apimart.common.waits import pause, wait_for_event

BEFORE = "instead of the operation"
AFTER = "once the operation is done"
_LENGTH = b"content-length"
WATCH_SECONDS = 1.0
"""How often it is looked, during a long pause, whether the client is still there."""


class Abandoned(Exception):
    """The connection must end here: by a TCP reset with `reset`, else by an orderly close."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


class SocketFault(NamedTuple):
    """`when` it happens, and what a client meets."""

    when: str
    meaning: str


class Dribble(NamedTuple):
    """The pace of a slow answer: so many bytes of its body, then so many seconds of pause."""

    bytes: int = 1
    seconds: float = 0.05


BYTE_PER_SECOND = Dribble(1, 1.0)

SOCKET_FAULTS = {
    "close_before_reading": SocketFault(BEFORE, "closed at once, the body unread"),
    "reset_after_reading": SocketFault(BEFORE, "reset, once the body has been read"),
    "never_answer": SocketFault(BEFORE, "kept open without a word, until the client gives up"),
    "end_after_headers": SocketFault(AFTER, "closed after the answer's headers"),
    "cut_in_body": SocketFault(AFTER, "closed after half of the answer's body"),
    "malformed_chunks": SocketFault(
        AFTER, "half of the answer's body as a chunk, then a line that is no chunk's size; closed"
    ),
    "one_byte_per_second": SocketFault(AFTER, "the answer's body comes a byte per second"),
    "dribble": SocketFault(
        AFTER, "the answer's body comes in pieces, of the size and at the pace that `dribble` says"
    ),
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


class Breakable(Protocol):
    """What of a connection is needed to break the answer on it."""

    @property
    def is_closed(self) -> bool:
        """Whether the client is gone."""

    def spoil_chunks(self) -> None:
        """Write what is no chunk's size, where the body is in chunks."""


def broken(
    name: str, dribble: Dribble | None, send: Send, connection: Breakable, stopping: asyncio.Event
) -> Send:
    """Return a `send` that sends an answer as the fault `name` says; it raises Abandoned.

    `dribble` is the pace of the fault of that name.
    """
    if name == "end_after_headers":
        return _ended_after_headers(send)
    if name == "cut_in_body":
        return _cut_in_body(send)
    if name == "malformed_chunks":
        return _with_malformed_chunks(send, connection)
    pace = (dribble or Dribble()) if name == "dribble" else BYTE_PER_SECOND
    return _dribbled(send, pace, connection, stopping)


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


def _with_malformed_chunks(send: Send, connection: Breakable) -> Send:
    """Cut an answer that is sent in chunks. HTTP/1.0 has none: there it is only cut."""
    cut = _cut_in_body(_without_length(send))

    async def send_broken(message: Message) -> None:
        try:
            await cut(message)
        except Abandoned:
            connection.spoil_chunks()
            raise

    return send_broken


def _without_length(send: Send) -> Send:
    async def send_in_chunks(message: Message) -> None:
        if message["type"] == "http.response.start":
            others = [each for each in message["headers"] if each[0].lower() != _LENGTH]
            message = {**message, "headers": others}
        await send(message)

    return send_in_chunks


def _dribbled(send: Send, pace: Dribble, connection: Breakable, stopping: asyncio.Event) -> Send:
    async def send_broken(message: Message) -> None:
        body = message.get("body", b"")
        for position in range(0, len(body), pace.bytes):
            piece = body[position : position + pace.bytes]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await _pause_for_client(pace.seconds, connection, stopping)
        await send({**message, "body": b""} if body else message)

    return send_broken


async def _pause_for_client(seconds: float, connection: Breakable, stopping: asyncio.Event) -> None:
    """Wait. Raises Abandoned where the server stops or the client goes."""
    left = seconds
    while left > 0:
        await pause(min(left, WATCH_SECONDS), stopping)
        left -= WATCH_SECONDS
        if stopping.is_set() or connection.is_closed:
            raise Abandoned
