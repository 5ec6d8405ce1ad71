"""Answers given before the request's body was read, as Go's server gives them.

It reads on and discards up to 256 KiB, so that the connection can be used again; where more is to
come, the answer says `Connection: close`, and the connection is closed only once the client has
stopped sending: closing earlier resets it, and the client loses the answer.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import Message

from fake_apimart.http.incoming_body import IncomingBody

DISCARDED_BYTES = 256 * 1024
IDLE_SECONDS = 5.0
LINGER_SECONDS = 30.0


async def settle(body: IncomingBody, start: Message) -> bool:
    """Before an answer begins: let the body end, or say that the connection will.

    Gives back whether to `linger` before the end of the answer.
    """
    headers = MutableHeaders(scope=start)
    was_asked_for = body.was_asked_for
    if "connection" not in headers and was_asked_for:
        await _discard(body, DISCARDED_BYTES, IDLE_SECONDS)
    if body.has_ended:
        return False
    headers["Connection"] = "close"
    # A client that waits for `100 Continue` sends nothing once it has the answer.
    return was_asked_for


async def linger(body: IncomingBody) -> None:
    """Let the client send what it has begun, for a while."""
    await _discard(body, None, LINGER_SECONDS)


async def _discard(body: IncomingBody, limit: int | None, seconds: float) -> None:
    """Read the body to its end, or until `limit` bytes, a pause, or `seconds` have passed."""
    discarded = 0
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(seconds):
            while not body.has_ended and (limit is None or discarded <= limit):
                async with asyncio.timeout(IDLE_SECONDS):
                    chunks = await body.take()
                discarded += sum(map(len, chunks))
