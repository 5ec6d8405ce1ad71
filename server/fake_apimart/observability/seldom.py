"""A line of the log about what may happen thousands of times a second."""

from __future__ import annotations

import logging
import math


class SeldomLine:
    """Warns of events at most once in `seconds`, and says how many there have been since.

    `text` has a place `%d` for their number.
    """

    def __init__(self, logger: logging.Logger, text: str, seconds: float = 60.0) -> None:
        self._logger = logger
        self._text = text
        self._seconds = seconds
        self._last = -math.inf
        self._count = 0

    def note(self, now: float) -> None:
        """Count an event, and warn of all that were not yet told where it is time to.

        `now` is in seconds, of a clock that never goes back.
        """
        self._count += 1
        if now - self._last >= self._seconds:
            self._logger.warning(self._text, self._count)
            self._last, self._count = now, 0
