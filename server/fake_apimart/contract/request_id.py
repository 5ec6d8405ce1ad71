"""The id in `X-Oneapi-Request-Id`, which every answer of the API carries (live)."""

from __future__ import annotations

import functools
import time

from fake_apimart.common.randomness import Randomness

HEADER = "X-Oneapi-Request-Id"
SCOPE_KEY = "fake_apimart.contract.request_id"

_NANOSECONDS = 1_000_000_000


def new_request_id(now_ns: int, randomness: Randomness) -> str:
    """UTC to the second, the nanoseconds within it without padding, 8 alphanumerics.

    `now_ns` is nanoseconds since the Unix epoch; example `20260919182056471923385yBRUUrTx`.
    """
    seconds, nanoseconds = divmod(now_ns, _NANOSECONDS)
    return f"{_stamp(seconds)}{nanoseconds}{randomness.alphanumerics(8)}"


@functools.lru_cache(maxsize=4)
def _stamp(seconds: int) -> str:
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds))
