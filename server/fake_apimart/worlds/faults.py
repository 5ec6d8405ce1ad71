"""Failures on purpose: rules that a test has written for its world, and the steps they wait for.

The table of errors says of each by which operations it can be answered, and at which step of them
the real one arises. Rules fire in the order they were written, and never by chance.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from fake_apimart.contract import errors
from fake_apimart.contract.api_error import ApiError
from fake_apimart.contract.operations import BY_NAME
from fake_apimart.http.socket_faults import BEFORE, SOCKET_FAULTS

MOST_RULES = 1000
_PAGE_EXCESS = 4 * 1024 * 1024


class Step(Enum):
    """Where in an operation a fault can arise, in their order."""

    ARRIVAL = "before anything of the request is looked at"
    KEY = "where the key is looked at"
    RATE = "where calls are counted"
    SIZE = "once the form has been read to its end"
    BALANCE = "once the body has been read and found good"
    CHANNEL = "where an upstream is chosen for the task"
    STORE = "where the file is stored"
    ANSWER = "where the answer is sent"


@dataclass(frozen=True, slots=True)
class NamedError:
    """One of the errors that a rule can name. `build` takes what the step knows."""

    step: Step
    build: Callable[..., ApiError]


def _too_large(size: int, maximum: int) -> ApiError:
    """States the true size where it is too large, else one as far beyond as the page's."""
    return errors.file_too_large(size if size > maximum else maximum + _PAGE_EXCESS, maximum)


def _unavailable(operation: str) -> ApiError:
    return errors.file_unavailable() if operation == "files.get" else errors.service_unavailable()


ERRORS = {
    "invalid_key": NamedError(Step.KEY, errors.invalid_api_key),
    "insufficient_balance": NamedError(Step.BALANCE, errors.insufficient_balance),
    "forbidden": NamedError(Step.KEY, errors.forbidden),
    "rate_limited": NamedError(Step.RATE, lambda: errors.rate_limited(1)),
    "file_too_large": NamedError(Step.SIZE, _too_large),
    "upload_failed": NamedError(Step.STORE, errors.upload_failed),
    "bad_gateway": NamedError(Step.ARRIVAL, lambda operation: errors.bad_gateway()),
    "service_unavailable": NamedError(Step.ARRIVAL, _unavailable),
    "channel_busy": NamedError(Step.CHANNEL, lambda model: errors.channel_busy()),
    "model_not_found": NamedError(Step.CHANNEL, errors.model_not_found),
    "access_denied": NamedError(Step.ARRIVAL, lambda operation: errors.access_denied()),
}
"""By the name that rules use. The table of operations says which can be answered by which."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer that is none of the vendor's, such as a proxy's page."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class AnsweredInstead(Exception):
    """A rule's own answer is to be given, and nothing else to happen."""

    def __init__(self, answer: RawAnswer) -> None:
        super().__init__()
        self.answer = answer


@dataclass(slots=True)
class Rule:
    """What happens to the requests of one operation.

    The first `after` are let through; then `times` of them meet the fault, None for all. At most
    one of `error`, `answer` and `socket` is set; `delay` seconds pass before anything else.
    """

    operation: str
    error: str | None = None
    answer: RawAnswer | None = None
    socket: str | None = None
    delay: float = 0.0
    times: int | None = 1
    after: int = 0
    id: int = 0
    used: int = 0
    passed: int = 0
    reserved: int = field(default=0, repr=False)
    written: dict[str, Any] = field(default_factory=dict, repr=False)
    """The rule as its author wrote it."""

    @property
    def step(self) -> Step:
        if self.error is not None:
            return ERRORS[self.error].step
        if self.socket is not None and SOCKET_FAULTS[self.socket].when != BEFORE:
            return Step.ANSWER
        return Step.ARRIVAL

    @property
    def name(self) -> str:
        """What it does, in a word."""
        answer = f"status {self.answer.status}" if self.answer else None
        return self.error or self.socket or answer or "delay"

    def reserve(self) -> bool:
        """Whether a request is to meet this rule; its turn is then kept for it."""
        if self.times is not None and self.used + self.reserved >= self.times:
            return False
        if self.passed < self.after:
            self.passed += 1
            return False
        self.reserved += 1
        return True

    def release(self, *, fired: bool) -> None:
        """Give a reserved turn back, or count it."""
        self.reserved -= 1
        self.used += fired


class Faults:
    """The rules of a world, in the order they were written."""

    __slots__ = ("_standing", "rules")

    _ids = itertools.count(1)

    def __init__(self, standing: tuple[Rule, ...] = ()) -> None:
        self._standing = standing
        self.rules: list[Rule] = []
        self.clear()

    def clear(self) -> None:
        """Only what the world's key says is left."""
        self.rules = []
        for rule in self._standing:
            self.add(rule)

    def add(self, rule: Rule) -> Rule:
        """Append a rule, with an id that no other of this server has."""
        rule.id = next(self._ids)
        self.rules.append(rule)
        return rule

    def remove(self, rule_id: int) -> bool:
        """Whether there was such a rule."""
        before = len(self.rules)
        self.rules = [rule for rule in self.rules if rule.id != rule_id]
        return len(self.rules) < before

    def reserved_for(self, operation: str) -> Rule | None:
        """The rule that a request to `operation` is to meet, its turn reserved."""
        for rule in self.rules:
            if rule.operation == operation and rule.reserve():
                return rule
        return None


def errors_of(operation: str) -> Iterator[str]:
    """The errors that a rule for `operation` can name."""
    return (name for name in ERRORS if name in BY_NAME[operation].faults)
