"""A line for each request, in the form of all other lines of the log.

Under our own server it goes straight to standard error: Python's own logging took a tenth of what a
poll costs, for nothing that such a line can show. Under another server it is a record of the logger
`fake_apimart.requests`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from fake_apimart.observability.log_form import Form
from fake_apimart.observability.request_record import RequestRecord
from fake_apimart.observability.standard_error import write_line

_NANOSECONDS = 1_000_000_000
_NANOSECONDS_PER_MILLISECOND = 1_000_000

# Without the filter of our other loggers: what it would do to a message has been done.
_logger = logging.getLogger("fake_apimart.requests")


class AccessLog:
    """Writes lines, with the time at which their requests ended, by `write_line`."""

    def __init__(self, form: Form, write_line: Callable[[str], None] = write_line) -> None:
        self._form = form
        self._write_line = write_line
        self._second = -1
        self._stamp = ""

    def __call__(self, record: RequestRecord) -> None:
        """Write the line of a request that has ended."""
        second, nanoseconds = divmod(record.ended_ns, _NANOSECONDS)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        milliseconds = nanoseconds // _NANOSECONDS_PER_MILLISECOND
        self._write_line(self._form.line(f"{self._stamp},{milliseconds:03d}", record))


class LoggedRequests:
    """Hands the lines on to Python's logging, which adds time and level where it has them."""

    def __init__(self, form: Form) -> None:
        self._form = form

    def __call__(self, record: RequestRecord) -> None:
        """Log a request that has ended, at level INFO."""
        if _logger.isEnabledFor(logging.INFO):
            _logger.info("%s", self._form.message(record))
