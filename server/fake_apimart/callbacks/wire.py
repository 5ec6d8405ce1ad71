"""A POST and the status of its answer, in HTTP/1.1 on an open connection."""

from __future__ import annotations

import asyncio

import h11

MAX_HEAD_BYTES = 65_536
"""How much is read of an answer, together with all interim ones before it."""


class BadAnswer(OSError):
    """What came is no answer, or its head is too large."""


async def post(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    target: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> int:
    """Send a request; return the status of its answer, of which no more than the head is read.

    Raises BadAnswer, whose message quotes nothing of the answer, since an echo would put what we
    have sent into it; OSError.
    """
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    try:
        request = h11.Request(method="POST", target=target, headers=headers)
        for event in (request, h11.Data(body), h11.EndOfMessage()):
            writer.write(client.send(event) or b"")
        await writer.drain()
        return await _status(client, reader)
    except h11.ProtocolError:
        raise BadAnswer("the answer is not HTTP/1.1") from None


async def _status(client: h11.Connection, reader: asyncio.StreamReader) -> int:
    """Return the status of the final answer. Raises ProtocolError, BadAnswer, OSError."""
    left = MAX_HEAD_BYTES
    while True:
        event = client.next_event()
        if isinstance(event, h11.Response):
            return event.status_code
        if isinstance(event, h11.ConnectionClosed):
            raise BadAnswer("the connection was closed without an answer")
        if event is h11.NEED_DATA:
            if not left:
                raise BadAnswer(f"the answer's head exceeds {MAX_HEAD_BYTES} bytes")
            received = await reader.read(left)
            left -= len(received)
            client.receive_data(received)
