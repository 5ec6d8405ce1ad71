"""The rules of a world: adding one, and whether requests have met those there are."""

from __future__ import annotations

from fake_apimart_testing.arguments import (
    body_fields,
    check_flag,
    check_headers,
    check_integer,
    check_number,
    check_object,
    check_text,
)
from fake_apimart_testing.records import Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from fake_apimart_testing.control import Control
    from fake_apimart_testing.names import Error, Operation, SocketFault
    from fake_apimart_testing.requests import Requests

    JSON: TypeAlias = dict[str, Any] | list[Any] | int | float

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True


class RuledWorld:
    """A world whose requests a test can make fail."""

    rules: list[Rule]
    """The rules added by `fail` since the last reset."""

    @property
    def _control(self) -> Control:
        raise NotImplementedError

    @property
    def requests(self) -> Requests:
        """The requests that were sent with this key, newest last."""
        raise NotImplementedError

    def fail(
        self,
        operation: Operation | str,
        error: Error | str | None = None,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        body: str | bytes | JSON | None = None,
        socket: SocketFault | str | None = None,
        dribble: dict[str, float] | None = None,
        delay: float | None = None,
        where: dict[str, Any] | None = None,
        times: int | None = 1,
        after: int = 0,
        every: int = 1,
        optional: bool = False,
    ) -> Rule:
        """Add a rule that makes the next `times` requests to `operation` fail, or all if None.

        They fail with an `error` of the vendor's (and `headers` beside its own), with an answer of
        your own (`status`, `headers`, and a `body` of text, bytes or JSON), or with a fault of the
        `socket`, after a `delay` in seconds; a `delay` alone is possible too. `dribble` has the
        `bytes` and `seconds` of the socket fault of that name.

        Only requests that are as `where` says count, such as `{"filename": {"glob": "*.png"}}`. The
        first `after` of them pass, and of the others all but each `every`-th. If no request meets
        the rule, the test fails, unless the rule is `optional` or was removed. Raises TypeError and
        ValueError, which name the argument.
        """
        for name, text in {"error": error, "socket": socket}.items():
            check_text(name, text, optional=True)
        for name, value in {"dribble": dribble, "where": where}.items():
            check_object(name, value)
        check_text("operation", operation)
        check_integer("status", status, optional=True)
        check_headers("headers", headers)
        check_number("delay", delay, optional=True)
        check_integer("times", times, optional=True)
        check_integer("after", after)
        check_integer("every", every)
        check_flag("optional", optional)
        fields = {
            "operation": operation,
            "error": error,
            "status": status,
            "headers": headers,
            "socket": socket,
            "dribble": dribble,
            "delay": delay,
            "where": where,
            "after": after,
            "every": every,
        }
        set_fields = {name: value for name, value in fields.items() if value is not None}
        created = self._control.call(
            "POST", "faults", {**set_fields, **body_fields(body), "times": times}
        )
        rule = Rule(self._control, created, optional=optional)
        self.rules.append(rule)
        return rule

    def check_rules(self) -> None:
        """Raise AssertionError if no request has met a rule that is not optional."""
        missed = [rule for rule in self.rules if rule.is_missed]
        if missed:
            nearest = self.requests.nearest(missed[0].operation)
            raise AssertionError(f"never met: {', '.join(map(repr, missed))}. {nearest}")
