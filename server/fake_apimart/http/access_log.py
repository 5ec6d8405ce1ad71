"""A line for each request on standard error, in the form of all other lines of the log.

Python's own logging took a tenth of what a poll costs, for nothing that such a line can show.
"""

from __future__ import annotations

import sys
import time
from urllib.parse import quote

from starlette.types import Scope

from fake_apimart.common.caches import remembered
from fake_apimart.common.clock import Clock

_NANOSECONDS = 1_000_000_000
_NANOSECONDS_PER_MILLISECOND = 1_000_000


_quoted = remembered(quote)


class AccessLog:
    """In the place of uvicorn's access logger, of which it has the one method that is called."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._stamp = ""

    def request(self, scope: Scope, status: int) -> None:
        """Tell of a request and its answer."""
        address = scope["client"]
        client = f"{address[0]}:{address[1]}" if address else ""
        target = _quoted(scope["path"])
        if query := scope["query_string"]:
            target = f"{target}?{query.decode('latin-1')}"
        request = f"{scope['method']} {target} HTTP/{scope['http_version']}"
        self._write(f'{client} - "{request}" {status}')

    def info(self, message: str, *arguments: object) -> None:
        """The same in uvicorn's words."""
        self._write(message % arguments)

    def _write(self, text: str) -> None:
        second, nanoseconds = divmod(self._clock.time_ns(), _NANOSECONDS)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        milliseconds = nanoseconds // _NANOSECONDS_PER_MILLISECOND
        try:
            sys.stderr.write(f"{self._stamp},{milliseconds:03d} INFO {text}\n")
        except (AttributeError, OSError, ValueError):
            # A log that cannot be written is no reason to give no answer. Standard error is None
            # where it was closed from the start.
            return
