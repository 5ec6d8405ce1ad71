"""A line for each request on standard error, in the form of all other lines of the log.

Python's own logging took a tenth of what a poll costs, for nothing that such a line can show.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import quote

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.common.clock import Clock
from fake_apimart.common.redaction import redacted_query, redacted_text
from fake_apimart.common.texts import one_line
from fake_apimart.observability.standard_error import write_line

_NANOSECONDS = 1_000_000_000
_NANOSECONDS_PER_MILLISECOND = 1_000_000


@cache_short_inputs
def _quoted(path: str) -> str:
    # A byte that is not UTF-8 may be a lone surrogate in a path.
    return quote(redacted_text(path), safe="/*", errors="surrogateescape")


class AccessLog:
    """Writes lines with the time of `clock`, by `write_line`."""

    def __init__(self, clock: Clock, write_line: Callable[[str], None] = write_line) -> None:
        self._clock = clock
        self._write_line = write_line
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
        self._write_line(f"{self._stamp},{milliseconds:03d} INFO {one_line(text)}\n")
