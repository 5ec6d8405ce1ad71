"""How often a key may call, within a window that moves with the clock."""

from __future__ import annotations

import math
from collections import deque

from fake_apimart import errors
from fake_apimart.clock import Clock

_NANOSECONDS = 1_000_000_000
_KEYS_BEFORE_PRUNING = 1000


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
    """At most `amount` requests per key within any `seconds`."""

    def __init__(self, amount: int, seconds: int, clock: Clock) -> None:
        self._amount = amount
        self._window = seconds * _NANOSECONDS
        self._clock = clock
        self._taken: dict[str, deque[int]] = {}
        self._prune_at = _KEYS_BEFORE_PRUNING

    def take(self, key: str) -> None:
        """Count a request of `key`. Raises `rate_limited`, and then does not count it."""
        now = self._clock.time_ns()
        taken = self._taken.get(key)
        if taken is None:
            self._prune(now)
            taken = self._taken[key] = deque()
        while taken and taken[0] <= now - self._window:
            taken.popleft()
        if len(taken) >= self._amount:
            wait = taken[0] + self._window - now
            raise errors.rate_limited(max(1, math.ceil(wait / _NANOSECONDS)))
        taken.append(now)

    def _prune(self, now: int) -> None:
        """Forget keys that have not called within the window, once there are many."""
        if len(self._taken) < self._prune_at:
            return
        start = now - self._window
        self._taken = {key: taken for key, taken in self._taken.items() if taken[-1] > start}
        self._prune_at = max(_KEYS_BEFORE_PRUNING, 2 * len(self._taken))
