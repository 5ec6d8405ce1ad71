"""The body of a request as JSON, whatever its Content-Type says."""

from __future__ import annotations

from typing import Any

from fake_apimart.contract import errors
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.go.json import JSONError, unmarshal
from fake_apimart.go.textproto import EOF
from fake_apimart.http.request_body import LimitedBody

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest body that is read as JSON (assumed)."""


async def read_body(exchange: Exchange) -> bytes:
    """Return the whole body of a request, and note it in the journal.

    Raises `invalid_parameter` for a body that is larger than MAX_BODY_BYTES (assumed) or ends too
    early (go), and ClientDisconnect.
    """
    body = LimitedBody(exchange.body, MAX_BODY_BYTES)
    content = await body.read()
    exchange.entry.record_body(content)
    if body.is_too_large:
        raise errors.invalid_parameter(f"the body is larger than {MAX_BODY_BYTES} bytes")
    if body.ending != EOF:
        raise errors.invalid_parameter(body.ending)
    return content


def parse_json(body: bytes) -> Any:
    """Return the value of a body. Raises `invalid_parameter` with Go's text (go)."""
    try:
        return unmarshal(body)
    except JSONError as error:
        raise errors.invalid_parameter(str(error)) from None
