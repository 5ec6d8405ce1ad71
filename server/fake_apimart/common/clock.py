"""Where time comes from. Whoever needs it is given a clock and never asks the system itself."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """The instant it is now for whoever holds this clock."""

    def time_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""


class SystemClock:
    """The machine's own time."""

    def time_ns(self) -> int:
        return time.time_ns()
