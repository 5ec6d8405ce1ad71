"""A line for each request on standard error, in the form of all other lines of the log.

Python's own logging took a tenth of what a poll costs, for nothing that such a line can show.
"""

from __future__ import annotations

import sys
import time
from urllib.parse import quote

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.common.clock import Clock
from fake_apimart.common.lines import one_line
from fake_apimart.common.redaction import redacted_query, redacted_text

_NANOSECONDS = 1_000_000_000
_NANOSECONDS_PER_MILLISECOND = 1_000_000


@cache_short_inputs
def _quoted(path: str) -> str:
    # A byte that is not UTF-8 may be a lone surrogate in a path.
    return quote(redacted_text(path), safe="/*", errors="surrogateescape")


class AccessLog:
    """Writes lines with the time of `clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._stamp = ""

    def request(
        self,
        client: tuple[str, int] | None,
        method: str,
        path: str,
        query: bytes,
        http_version: str,
        status: int,
    ) -> None:
        """Write the line of a request that was answered with `status`."""
        peer = f"{client[0]}:{client[1]}" if client else ""
        target = _quoted(path)
        if query:
            shown = redacted_query(query).decode("ascii", "backslashreplace")
            target = f"{target}?{shown}"
        self.write(f'{peer} - "{method} {target} HTTP/{http_version}" {status}')

    def write(self, text: str) -> None:
        """Write a line with the present time before `text`."""
        second, nanoseconds = divmod(self._clock.time_ns(), _NANOSECONDS)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        milliseconds = nanoseconds // _NANOSECONDS_PER_MILLISECOND
        try:
            sys.stderr.write(f"{self._stamp},{milliseconds:03d} INFO {one_line(text)}\n")
        except (AttributeError, OSError, ValueError):
            # A log that cannot be written is no reason to give no answer. Standard error is None
            # where it was closed from the start.
            return
