"""`apimart.clock`: the time in a world."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from fake_apimart.testing.control import Control


class WorldClock:
    """It drives `created_at`, the progress of tasks, expiry, rate limits and idempotency.

    All methods give back the new time in Unix seconds, and raise ControlError.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    @property
    def now(self) -> float:
        """Unix seconds."""
        return float(self._control.call("GET", "clock")["now"])

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> float:
        """Move it ahead."""
        return self._change(advance=days * 86_400 + hours * 3600 + minutes * 60 + seconds)

    def at(self, instant: float | datetime) -> float:
        """Make it this instant: Unix seconds, or a datetime."""
        seconds = instant if isinstance(instant, int | float) else instant.timestamp()
        return self._change(at=seconds)

    def freeze(self) -> float:
        """Stop it."""
        return self._change(freeze=True)

    def resume(self) -> float:
        """Let it run again."""
        return self._change(freeze=False)

    def reset(self) -> float:
        """Back to the server's time."""
        return self._change(reset=True)

    def _change(self, **change: object) -> float:
        return float(self._control.call("POST", "clock", change)["now"])
