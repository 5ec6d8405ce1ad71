"""The source of time. Code that needs the time gets a clock and never asks the system itself."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A source of the current time."""

    def time_ns(self) -> int:
        """Return the current time in nanoseconds since the Unix epoch."""


class SystemClock:
    """The machine's own time."""

    def time_ns(self) -> int:
        return time.time_ns()
