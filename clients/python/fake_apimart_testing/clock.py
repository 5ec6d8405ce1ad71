"""`apimart.clock`: the clock of a world."""

from __future__ import annotations

from fake_apimart_testing.arguments import check_number, seconds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from fake_apimart_testing.control import Control

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True


class WorldClock:
    """The clock behind `created_at`, the progress of tasks, expiry, rate limits and idempotency.

    All methods return the new time in Unix seconds. They raise ControlError.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    @property
    def now(self) -> float:
        """The current time in Unix seconds."""
        return float(self._control.call("GET", "clock")["now"])

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> float:
        """Move the clock ahead. Raises TypeError and ValueError, which name the argument."""
        return self._change(
            advance=seconds_of(days=days, hours=hours, minutes=minutes, seconds=seconds)
        )

    def at(self, instant: float | datetime) -> float:
        """Set the clock to `instant`: Unix seconds, or a datetime. Raises TypeError."""
        seconds = instant.timestamp() if hasattr(instant, "timestamp") else instant
        check_number("instant", seconds)
        return self._change(at=seconds)

    def freeze(self) -> float:
        """Stop the clock."""
        return self._change(freeze=True)

    def resume(self) -> float:
        """Let the clock run again."""
        return self._change(freeze=False)

    def reset(self) -> float:
        """Set the clock back to the server's time."""
        return self._change(reset=True)

    def _change(self, **change: object) -> float:
        return float(self._control.call("POST", "clock", change)["now"])
