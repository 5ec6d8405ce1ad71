"""Rate limits over a sliding window, which moves with the clock that the caller reads."""

from __future__ import annotations

import math
import re
from collections import deque

LARGEST = 10**9
"""Of both the requests of a rate and the seconds of its window."""
MAX_CHARACTERS = 100
"""The longest text that is read as a rate."""

_NANOSECONDS = 1_000_000_000
_RATE = re.compile(
    r"\s*([0-9]+)\s*(?:/|per)\s*([0-9]+)?\s*([a-z]+?)s?\s*", re.ASCII | re.IGNORECASE
)
_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "month": 30 * 86_400,
    "year": 360 * 86_400,
}
"""Of each unit. A month has thirty days, and a year twelve months."""


def parse_rate(text: str) -> tuple[int, int]:
    """Parse a rate such as `60/minute` into a number of requests and a window in seconds.

    `5 per 2 seconds` is one too. Raises ValueError.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"longer than {MAX_CHARACTERS} characters")
    found = _RATE.fullmatch(text)
    unit = _SECONDS.get(found[3].lower()) if found else None
    if found is None or unit is None:
        raise ValueError("not one rate")
    amount, seconds = int(found[1]), int(found[2] or 1) * unit
    if not (1 <= amount <= LARGEST and 1 <= seconds <= LARGEST):
        raise ValueError(f"not a rate of 1 to {LARGEST} requests in as many seconds")
    return amount, seconds


class RateLimit:
    """A sliding-window log: at most so many requests within any window of `rate`."""

    def __init__(self, rate: str) -> None:
        self.rate = rate
        self._amount, seconds = parse_rate(rate)
        self._window = seconds * _NANOSECONDS
        self._accepted: deque[int] = deque()

    def take(self, now_ns: int) -> int:
        """Count a request at `now_ns` and return 0, or return the seconds until one is allowed.

        A request over the limit is not counted.
        """
        accepted = self._accepted
        while accepted and accepted[0] <= now_ns - self._window:
            accepted.popleft()
        # If the clock was set back, requests later than now have not happened yet.
        while accepted and accepted[-1] > now_ns:
            accepted.pop()
        if len(accepted) >= self._amount:
            wait = accepted[0] + self._window - now_ns
            return max(1, math.ceil(wait / _NANOSECONDS))
        accepted.append(now_ns)
        return 0
