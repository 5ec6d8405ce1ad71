"""Rate limits over a sliding window, which moves with the clock that the caller reads."""

from __future__ import annotations

import math
from collections import deque

from fake_apimart.machine.shortage import loading

LARGEST = 10**9
"""Of both the requests of a rate and the seconds of its window."""
MAX_CHARACTERS = 100
"""The longest text that is read as a rate."""

_NANOSECONDS = 1_000_000_000


def parse_rate(text: str) -> tuple[int, int]:
    """Parse a rate such as `60/minute` into a number of requests and a window in seconds.

    Raises ValueError, Shortage.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"longer than {MAX_CHARACTERS} characters")
    # Imported here because it costs a tenth of a second, and most servers have no limit.
    with loading("limits"):
        from limits import parse_many

    rates = parse_many(text)
    if len(rates) != 1:
        raise ValueError("not one rate")
    amount, seconds = rates[0].amount, rates[0].get_expiry()
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
