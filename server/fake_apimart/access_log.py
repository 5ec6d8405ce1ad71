"""A line for each request on standard error, in the form of all other lines of the log.

Python's own logging took a tenth of what a poll costs, for nothing that such a line can show.
"""

from __future__ import annotations

import contextlib
import sys
import time

from fake_apimart.clock import Clock

_NANOSECONDS = 1_000_000_000
_NANOSECONDS_PER_MILLISECOND = 1_000_000


class AccessLog:
    """In the place of uvicorn's access logger, of which it has the one method that is called."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._stamp = ""

    def info(self, message: str, *arguments: object) -> None:
        """Write a line. A log that cannot be written is no reason to give no answer."""
        second, nanoseconds = divmod(self._clock.time_ns(), _NANOSECONDS)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        milliseconds = nanoseconds // _NANOSECONDS_PER_MILLISECOND
        # Standard error is None where it was closed from the start.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            sys.stderr.write(f"{self._stamp},{milliseconds:03d} INFO {message % arguments}\n")
