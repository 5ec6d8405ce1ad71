"""The body of a request as JSON, whatever its Content-Type says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fake_apimart_storage import Chunk

from fake_apimart.common.json_values import MAX_VALUES, ValueCounter
from fake_apimart.contract import errors
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.go.json import JSONError, fault_at_start, unmarshal
from fake_apimart.go.textproto import EOF
from fake_apimart.http.request_body import LimitedBody

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest body that is read as JSON (assumed)."""

FAULTS_WITHIN_BYTES = 4096
"""How far a body of too many values is searched for a fault, which is stated instead."""
LARGE_BYTES = 1024 * 1024
"""Larger bodies have to wait for a place, and rules look into none: they might hold it for long."""
MAX_LARGE_BODIES = 4
"""How many bodies of more than LARGE_BYTES are in memory at once; others wait in the network."""


class JSONBodies:
    """The bodies that a server reads as JSON: any number of small ones, a few large ones."""

    def __init__(self) -> None:
        self._large = asyncio.Semaphore(MAX_LARGE_BODIES)

    @contextlib.asynccontextmanager
    async def reading(self, exchange: Exchange) -> AsyncIterator[bytes]:
        """Yield the whole body of a request, which is noted in the journal.

        A large one has its place until the block ends. Raises `invalid_parameter` for a body that
        is larger than MAX_BODY_BYTES or has more than MAX_VALUES values (assumed), or ends too
        early (go), and ClientDisconnect.
        """
        async with contextlib.AsyncExitStack() as places:
            body = LimitedBody(exchange.body, MAX_BODY_BYTES)
            content, has_too_many_values = await self._read(body, places, exchange)
            exchange.entry.record_body(content)
            if has_too_many_values:
                fault = fault_at_start(content[:FAULTS_WITHIN_BYTES])
                problem = fault or f"the body has more than {MAX_VALUES} values"
                raise errors.invalid_parameter(problem)
            if body.is_too_large:
                raise errors.invalid_parameter(f"the body is larger than {MAX_BODY_BYTES} bytes")
            if body.ending != EOF:
                raise errors.invalid_parameter(body.ending)
            if exchange.undecided is not None:
                await exchange.learn(json=_value_of(content))
            yield content

    async def _read(
        self, body: LimitedBody, places: contextlib.AsyncExitStack, exchange: Exchange
    ) -> tuple[bytes, bool]:
        """Return a body, and whether it has too many values: the rest of it is left unread then.

        They are counted as the body arrives, so that other requests have their turns in between.
        Where it turns out to be large, it is decided first which rule the request meets.
        """
        counter = ValueCounter()
        read: list[Chunk] = []
        size = counted = 0
        has_place = False
        while chunks := await body.take():
            read += chunks
            size += sum(map(len, chunks))
            if size > MAX_VALUES:
                # Each value takes a byte at least.
                counter.feed(b"".join(read[counted:]))
                counted = len(read)
                if counter.is_exceeded:
                    break
            if size > LARGE_BYTES and not has_place:
                if exchange.undecided is not None:
                    await exchange.learn(json=None)
                await places.enter_async_context(self._large)
                has_place = True
        return b"".join(read), counter.is_exceeded


def _value_of(body: bytes) -> Any:
    """Return the value of a body, None where it is no JSON: rules ask nothing of that."""
    try:
        return unmarshal(body)
    except JSONError:
        return None


def parse_json(body: bytes) -> Any:
    """Return the value of a body. Raises `invalid_parameter` with Go's text (go)."""
    try:
        return unmarshal(body)
    except JSONError as error:
        raise errors.invalid_parameter(str(error)) from None
