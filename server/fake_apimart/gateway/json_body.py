"""The body of a request as JSON, whatever its Content-Type says."""

from __future__ import annotations

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


async def read_body(exchange: Exchange) -> bytes:
    """Return the whole body of a request, and note it in the journal.

    Raises `invalid_parameter` for a body that is larger than MAX_BODY_BYTES or has more than
    MAX_VALUES values (assumed), or ends too early (go), and ClientDisconnect.
    """
    body = LimitedBody(exchange.body, MAX_BODY_BYTES)
    content, has_too_many_values = await _read(body)
    exchange.entry.record_body(content)
    if has_too_many_values:
        fault = fault_at_start(content[:FAULTS_WITHIN_BYTES])
        raise errors.invalid_parameter(fault or f"the body has more than {MAX_VALUES} values")
    if body.is_too_large:
        raise errors.invalid_parameter(f"the body is larger than {MAX_BODY_BYTES} bytes")
    if body.ending != EOF:
        raise errors.invalid_parameter(body.ending)
    return content


async def _read(body: LimitedBody) -> tuple[bytes, bool]:
    """Return a body, and whether it has too many values: the rest of it is left unread then.

    They are counted as the body arrives, so that other requests have their turns in between.
    """
    counter = ValueCounter()
    read: list[Chunk] = []
    size = counted = 0
    while chunks := await body.take():
        read += chunks
        size += sum(map(len, chunks))
        if size > MAX_VALUES:
            # Each value takes a byte at least.
            counter.feed(b"".join(read[counted:]))
            counted = len(read)
            if counter.is_exceeded:
                break
    return b"".join(read), counter.is_exceeded


def parse_json(body: bytes) -> Any:
    """Return the value of a body. Raises `invalid_parameter` with Go's text (go)."""
    try:
        return unmarshal(body)
    except JSONError as error:
        raise errors.invalid_parameter(str(error)) from None
