"""How often a key may call, within a window that moves with its world's clock."""

from __future__ import annotations

import math
from collections import deque

_NANOSECONDS = 1_000_000_000


def parse_rate(text: str) -> tuple[int, int]:
    """How many requests in how many seconds `text`, such as `60/minute`, allows.

    Raises ValueError.
    """
    # Imported here because it costs a tenth of a second, and most servers have no limit.
    from limits import parse_many

    rates = parse_many(text)
    if len(rates) != 1 or rates[0].amount < 1:
        raise ValueError("not one rate of at least one request")
    return rates[0].amount, rates[0].get_expiry()


class RateLimit:
    """At most `amount` requests within any `seconds`."""

    def __init__(self, rate: str) -> None:
        self.rate = rate
        self._amount, seconds = parse_rate(rate)
        self._window = seconds * _NANOSECONDS
        self._taken: deque[int] = deque()

    def take(self, now_ns: int) -> int:
        """Count a request at `now_ns`, and return 0.

        Where the limit is reached it is not counted: return in how many seconds one will be.
        """
        taken = self._taken
        while taken and taken[0] <= now_ns - self._window:
            taken.popleft()
        # Where the clock was set back, what lies ahead of it has not happened yet.
        while taken and taken[-1] > now_ns:
            taken.pop()
        if len(taken) >= self._amount:
            wait = taken[0] + self._window - now_ns
            return max(1, math.ceil(wait / _NANOSECONDS))
        taken.append(now_ns)
        return 0
