"""A world's own time: the server's clock, moved or stopped as a test wishes."""

from __future__ import annotations

from typing import NamedTuple

from fake_apimart.common.clock import Clock


class ClockState(NamedTuple):
    """What is kept of a world's clock, in nanoseconds.

    `offset_ns` is how far it is ahead of the clock below it; `frozen_ns` the instant after the
    Unix epoch at which it stands, None while it runs.
    """

    offset_ns: int = 0
    frozen_ns: int | None = None


class WorldClock:
    """A clock that runs on `below`, until it is moved or stopped."""

    __slots__ = ("_below", "state")

    def __init__(self, below: Clock, state: ClockState = ClockState()) -> None:  # noqa: B008
        self._below = below
        self.state = state

    def time_ns(self) -> int:
        if self.state.frozen_ns is not None:
            return self.state.frozen_ns
        return self._below.time_ns() + self.state.offset_ns

    def set(self, instant_ns: int) -> None:
        """Make it `instant_ns` after the Unix epoch; a stopped clock stands there."""
        frozen = instant_ns if self.is_frozen else None
        self.state = ClockState(instant_ns - self._below.time_ns(), frozen)

    def advance(self, nanoseconds: int) -> None:
        """Move it ahead, whether it runs or stands."""
        self.set(self.time_ns() + nanoseconds)

    @property
    def is_frozen(self) -> bool:
        return self.state.frozen_ns is not None

    def freeze(self) -> None:
        """Stop it where it is."""
        self.state = self.state._replace(frozen_ns=self.time_ns())

    def resume(self) -> None:
        """Let it run again, from where it stands."""
        now = self.time_ns()
        self.state = ClockState(now - self._below.time_ns(), None)
