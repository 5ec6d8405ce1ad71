"""The settings of a world, as methods that read as what a test wants."""

from __future__ import annotations

from fake_apimart_testing.arguments import (
    check_integer,
    check_number,
    check_text,
    seconds_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fake_apimart_testing.control import Control

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True


class SettableWorld:
    """A world whose settings a test can change until its next reset.

    Methods raise TypeError and ValueError, which name the argument, and ControlError.
    """

    @property
    def _control(self) -> Control:
        raise NotImplementedError

    def pace(self, *, seconds: float | None = None, polls: int | None = None) -> None:
        """Set how long tasks take: `seconds`, a number of `polls`, or both."""
        check_number("seconds", seconds, optional=True)
        check_integer("polls", polls, optional=True)
        changes = {"task_seconds": seconds or 0, "task_polls": polls or 0}
        self._control.call("PATCH", "world", changes)

    def tasks_fail(self, message: str = "task failed on purpose") -> None:
        """Make tasks fail with this message."""
        check_text("message", message)
        self._control.call("PATCH", "world", {"task_failure": message})

    def tasks_complete(self) -> None:
        """Make tasks complete, which is the default."""
        self._control.call("PATCH", "world", {"task_failure": ""})

    def balance(self, amount: float) -> None:
        """Set the initial balance of the key, from which its spending is subtracted."""
        check_number("amount", amount)
        self._control.call("PATCH", "world", {"balance": amount})

    def rate_limit(self, rate: str | None) -> None:
        """Set the rate limit of the key, such as `3/minute`; None removes it."""
        check_text("rate", rate, optional=True)
        self._control.call("PATCH", "world", {"rate_limit": rate or ""})

    def dialect(self, name: str | None) -> None:
        """Answer as on the vendor's page (`page`) or as the live service (`live`).

        None is for the server's own dialect, which also answers requests whose key is refused.
        """
        check_text("name", name, optional=True)
        self._control.call("PATCH", "world", {"dialect": name})

    def size_limit(self, size: int | None) -> None:
        """Refuse uploads of more than `size` bytes; None is for the server's own limit."""
        check_integer("size", size, optional=True)
        self._control.call("PATCH", "world", {"max_file_bytes": size})

    def url_lifetime(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> None:
        """Let the URLs of files that are uploaded from now on live so long, in whole seconds.

        Without any argument it is the server's own lifetime: 72 hours, if nobody has set it.
        """
        total = seconds_of(days=days, hours=hours, minutes=minutes, seconds=seconds)
        self._control.call("PATCH", "world", {"url_ttl_seconds": round(total) or None})
