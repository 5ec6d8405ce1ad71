"""Answers given before the request's body was read, as Go's server gives them.

A body of less than 256 KiB is read and discarded, so that the connection can be used again. Where
more is to come, the answer says `Connection: close`, and does not wait for it where the length of
the body tells so. Nor is anything waited for where the connection ends anyway. It is closed only
once the client has stopped sending: closing it earlier resets it, and the client loses the answer.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import Message, Send

from fake_apimart.go.textproto import EOF
from fake_apimart.http.incoming_body import IncomingBody
from fake_apimart.http.request_body import Body, StreamedBody

MAX_DISCARDED_BYTES = 256 * 1024
"""A connection ends where so much of a body is still to come, or has been discarded (go)."""

IDLE_SECONDS = 5.0
"""The longest pause of a client whose body is discarded."""

LINGER_SECONDS = 30.0
"""The longest that a connection outlives its last answer, for a client that goes on sending."""

RESET_AVOIDANCE_SECONDS = 0.5
"""How long a connection outlives an answer to a client that may still be sending (go)."""


async def settle(body: IncomingBody, start: Message, *, keep_alive: bool) -> bool:
    """Before an answer begins, let the body end, or add `Connection: close` to its `start`.

    Return whether another request may follow. Where none may, as the client or the answer says, or
    because the client was to wait for `100 Continue`, nothing is waited for.
    """
    headers = MutableHeaders(scope=start)
    if "connection" in headers:
        headers["Connection"] = "close"
        return False
    if not keep_alive or body.expects_continue:
        return False
    was_read = body.has_ended
    if (body.untaken_bytes or 0) < MAX_DISCARDED_BYTES:
        discarded = await _discard(body, MAX_DISCARDED_BYTES, IDLE_SECONDS)
        if body.has_ended and discarded <= MAX_DISCARDED_BYTES:
            # Whoever has read that the body is cut off may tell the client, who may ask again (go).
            return was_read or body.ending == EOF
    headers["Connection"] = "close"
    return False


async def linger(body: IncomingBody, *, is_stopping: bool) -> None:
    """Discard what the client still sends, for LINGER_SECONDS at most.

    A client that was to wait for `100 Continue`, and got none, hardly sends anything. It is given
    RESET_AVOIDANCE_SECONDS, as is any other where the server `is_stopping`.
    """
    is_short = is_stopping or not body.is_requested
    # Behind the answer, nobody is asked to continue.
    body.is_requested = True
    await _discard(body, None, RESET_AVOIDANCE_SECONDS if is_short else LINGER_SECONDS)


def after_body(body: StreamedBody, send: Send, *, expects_continue: bool) -> Send:
    """Return a `send` for a foreign ASGI server that first reads `body` to its end.

    After an early answer such servers reset the connection, and hypercorn drops all streams of an
    HTTP/2 connection. A client that waits for `100 Continue` sends no body after the answer. The
    `Connection` header is left to the server, since HTTP/2 forbids it.
    """

    async def send_after_body(message: Message) -> None:
        if message["type"] == "http.response.start":
            if body.is_requested or not expects_continue:
                await _discard(body, None, LINGER_SECONDS)
            headers = message["headers"]
            message["headers"] = [each for each in headers if each[0] != b"connection"]
        await send(message)

    return send_after_body


async def _discard(body: Body, limit: int | None, seconds: float) -> int:
    """Read the body to its end, or until `limit` bytes, a pause, or `seconds` have passed.

    Return how many bytes were read.
    """
    discarded = 0
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(seconds):
            while not body.has_ended and (limit is None or discarded <= limit):
                async with asyncio.timeout(IDLE_SECONDS):
                    chunks = await body.take()
                discarded += sum(map(len, chunks))
    return discarded
