"""The clock of a world: the server's clock, which a test can shift or freeze."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field

from fake_apimart.common.clock import Clock
from fake_apimart.common.stored_json import LATEST_SECONDS, Nanoseconds

_LATEST_NS = LATEST_SECONDS * 1_000_000_000


class ClockState(NamedTuple):
    """The persistent state of a world's clock, in nanoseconds.

    `offset_ns` is how far it is ahead of its base clock; `frozen_ns` is the time since the Unix
    epoch at which it is frozen, or None while it runs.
    """

    offset_ns: Annotated[int, Field(ge=-_LATEST_NS, le=_LATEST_NS)] = 0
    frozen_ns: Nanoseconds | None = None


class WorldClock:
    """A clock that follows `base` until it is shifted or frozen."""

    __slots__ = ("_base", "state")

    def __init__(self, base: Clock, state: ClockState = ClockState()) -> None:  # noqa: B008
        self._base = base
        self.state = state

    def time_ns(self) -> int:
        if self.state.frozen_ns is not None:
            return self.state.frozen_ns
        return self._base.time_ns() + self.state.offset_ns

    def set(self, instant_ns: int) -> None:
        """Set the clock to `instant_ns` since the Unix epoch; a frozen clock stays frozen."""
        frozen = instant_ns if self.is_frozen else None
        self.state = ClockState(instant_ns - self._base.time_ns(), frozen)

    def advance(self, nanoseconds: int) -> None:
        """Move the clock ahead, whether it runs or is frozen."""
        self.set(self.time_ns() + nanoseconds)

    @property
    def is_frozen(self) -> bool:
        return self.state.frozen_ns is not None

    def freeze(self) -> None:
        """Stop the clock at its current time."""
        self.state = self.state._replace(frozen_ns=self.time_ns())

    def resume(self) -> None:
        """Let the clock run again, from its current time."""
        now = self.time_ns()
        self.state = ClockState(now - self._base.time_ns(), None)
