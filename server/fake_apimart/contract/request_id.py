"""The request id in `X-Oneapi-Request-Id`, a header of every answer of the API (live)."""

from __future__ import annotations

import functools
import time

from fake_apimart.common.randomness import Randomness

HEADER = "X-Oneapi-Request-Id"
SCOPE_KEY = "fake_apimart.contract.request_id"
"""Where the ASGI scope holds the request id."""

_NANOSECONDS_PER_SECOND = 1_000_000_000
_UTC_OFFSET_SECONDS = 8 * 3600
"""The vendor's clocks show the time of China (live)."""


def new_request_id(now_ns: int, randomness: Randomness) -> str:
    """Return a new id for a request that came at `now_ns`, in Unix nanoseconds (live).

    It is the time in UTC+8 to the second, the nanoseconds within it without padding, and 8
    alphanumerics. Example: `20260919182056471923385yBRUUrTx`.
    """
    seconds, nanoseconds = divmod(now_ns, _NANOSECONDS_PER_SECOND)
    return f"{_timestamp(seconds)}{nanoseconds}{randomness.alphanumerics(8)}"


@functools.lru_cache(maxsize=4)
def _timestamp(seconds: int) -> str:
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds + _UTC_OFFSET_SECONDS))
