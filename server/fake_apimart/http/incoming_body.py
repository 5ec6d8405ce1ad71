"""The body of a request between the connection, which receives it, and the handler that reads it.

uvicorn alone would copy every byte three times on this way: into a buffer, out of it, and out of
the parser before. Here a chunk that came from the socket is the very object that the form's parser
looks through and the storage writes.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from fake_apimart_storage import Chunk
from starlette.requests import ClientDisconnect
from starlette.types import Message

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

SCOPE_KEY = "fake_apimart.http.incoming_body"
"""Of requests that have a body."""

ENOUGH_BYTES = 128 * 1024
"""Nobody need wait for more than this before they take what has arrived."""

HIGHEST_WATER_BYTES = 8 * ENOUGH_BYTES
RECEIVED_BYTES = 4 * 1024 * 1024
"""About as much as all connections together may hold for those who have not taken it yet."""

MOST_CHUNKS = 64
"""A client that sends byte by byte must not cost an object per byte."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def high_water(connections: int) -> int:
    """How many bytes each of so many connections may hold, and how many of a large body are read at
    once.

    Few connections get much, since each read costs a turn of the event loop. Among many, all others
    would wait for that long.
    """
    share = RECEIVED_BYTES // max(1, connections)
    return max(ENOUGH_BYTES, min(HIGHEST_WATER_BYTES, share))


class IncomingBody:
    """Chunks that were received and not yet taken. From `high_water` bytes on nothing more is read
    from the socket.

    `cycle` is uvicorn's state of the request and its answer. It is held weakly, since it holds the
    scope, and that this: a circle per request would wait for the garbage collector.
    """

    __slots__ = ("_chunks", "_cycle", "_end_was_given", "_high_water", "_size", "_wanted")

    def __init__(self, cycle: RequestResponseCycle, high_water: int) -> None:
        self._cycle = weakref.ref(cycle)
        self._chunks: list[Chunk] = []
        self._size = 0
        self._high_water = high_water
        self._wanted = 1
        self._end_was_given = False

    @property
    def _alive(self) -> RequestResponseCycle:
        cycle = self._cycle()
        if cycle is None:
            raise ClientDisconnect
        return cycle

    @property
    def has_ended(self) -> bool:
        """Whether all that there will ever be has been taken."""
        return not self._chunks and not self._alive.more_body

    @property
    def was_asked_for(self) -> bool:
        """False of a client that still waits for `100 Continue`, and sends nothing before."""
        return not self._alive.waiting_for_100_continue

    def put(self, chunk: Chunk) -> None:
        """The connection has received a chunk."""
        cycle = self._alive
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= self._high_water:
            cycle.flow.pause_reading()
        if self._is_enough:
            cycle.message_event.set()

    @property
    def _is_enough(self) -> bool:
        return self._size >= self._wanted or len(self._chunks) >= MOST_CHUNKS

    async def take(self, at_least: int = 1) -> list[Chunk]:
        """What has arrived, in order, once it is some `at_least` bytes or the body has ended.

        Raises ClientDisconnect.
        """
        cycle = self._alive
        if cycle.waiting_for_100_continue and not cycle.transport.is_closing():
            cycle.transport.write(_CONTINUE)
            cycle.waiting_for_100_continue = False
        self._wanted = min(at_least, ENOUGH_BYTES)
        while not self._is_enough and cycle.more_body and not _is_over(cycle):
            cycle.flow.resume_reading()
            await _next_event(cycle)
        if _is_over(cycle):
            raise ClientDisconnect
        chunks, self._chunks, self._size = self._chunks, [], 0
        if cycle.more_body:
            cycle.flow.resume_reading()
        return chunks if len(chunks) <= MOST_CHUNKS else [b"".join(chunks)]

    async def receive(self) -> Message:
        """The same as ASGI has it: behind the end of the body, the end of the connection."""
        cycle = self._alive
        while self._end_was_given and not _is_over(cycle):
            await _next_event(cycle)
        try:
            chunks = await self.take()
        except ClientDisconnect:
            return {"type": "http.disconnect"}
        self._end_was_given = self.has_ended
        return {
            "type": "http.request",
            "body": b"".join(chunks),
            "more_body": not self._end_was_given,
        }


def _is_over(cycle: RequestResponseCycle) -> bool:
    """Whether the client is gone, or has its answer already."""
    return cycle.disconnected or cycle.response_complete


async def _next_event(cycle: RequestResponseCycle) -> None:
    cycle.message_event.clear()
    await cycle.message_event.wait()
