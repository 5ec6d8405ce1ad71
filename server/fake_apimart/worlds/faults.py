"""Fault injection: the rules of a world, and the steps of an operation at which they fire.

The table of operations says which errors each can answer with; ERRORS says at which step the real
error arises. Rules fire in the order in which they were added, and never at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from fake_apimart.contract import errors
from fake_apimart.contract.api_error import ApiError
from fake_apimart.contract.operations import BY_NAME
from fake_apimart.http.socket_faults import BEFORE, SOCKET_FAULTS, Dribble
from fake_apimart.worlds.conditions import Where

MAX_RULES = 1000
"""Rules per world."""
MAX_BYTES = 16 * 1024 * 1024
"""Estimated size of the rules of all worlds of a server together."""
_PAGE_EXCESS = 4 * 1024 * 1024
"""Bytes by which the file in the page's example of `file_too_large` exceeds the limit (page)."""
_LIVE_REMAINING = 0.01357
"""What the key had left in an example of `insufficient_balance`, in the currency (live)."""


class Step(Enum):
    """The points of an operation at which a fault can fire, in the order they are reached."""

    ARRIVAL = "before any check of the request"
    KEY = "when the key is checked"
    BALANCE = "when it is checked what the key has left"
    RATE = "when the rate limit is checked"
    SIZE = "after the form has been read to its end"
    CHANNEL = "when an upstream is chosen for the task"
    STORE = "when the file is stored"
    ANSWER = "when the answer is sent"


@dataclass(frozen=True, slots=True)
class NamedError:
    """An error that a rule can name. `build` takes the keyword arguments that the step passes."""

    step: Step
    build: Callable[..., ApiError]


def _too_large(size: int, maximum: int) -> ApiError:
    """Build the error with the true size if that is too large, else as in the page's example."""
    return errors.file_too_large(size if size > maximum else maximum + _PAGE_EXCESS, maximum)


def _poor(token_id: int) -> ApiError:
    """Build the error with what was left in a live example, since the world may have plenty."""
    return errors.insufficient_balance(token_id, _LIVE_REMAINING)


def unavailable(operation: str) -> ApiError:
    """Build the 503 of `operation`, in the form that its clients know."""
    return errors.file_unavailable() if operation == "files.get" else errors.service_unavailable()


ERRORS = {
    "invalid_key": NamedError(Step.KEY, errors.invalid_api_key),
    "insufficient_balance": NamedError(Step.BALANCE, _poor),
    "forbidden": NamedError(Step.KEY, errors.forbidden),
    "rate_limited": NamedError(Step.RATE, lambda: errors.rate_limited(1)),
    "file_too_large": NamedError(Step.SIZE, _too_large),
    "upload_failed": NamedError(Step.STORE, errors.upload_failed),
    "internal_error": NamedError(Step.ARRIVAL, lambda operation: errors.internal_error()),
    "bad_gateway": NamedError(Step.ARRIVAL, lambda operation: errors.bad_gateway()),
    "service_unavailable": NamedError(Step.ARRIVAL, unavailable),
    "channel_busy": NamedError(Step.CHANNEL, lambda model: errors.channel_busy()),
    "model_not_found": NamedError(Step.CHANNEL, errors.model_not_found),
    "access_denied": NamedError(Step.ARRIVAL, lambda operation: errors.access_denied()),
}
"""By the name that rules use. The table of operations says which errors each can answer with."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer that is not the vendor's, such as a proxy's error page."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class AnswerOverridden(Exception):
    """Raised to send a rule's own answer instead of running the operation."""

    def __init__(self, answer: RawAnswer) -> None:
        super().__init__()
        self.answer = answer


@dataclass(slots=True)
class Rule:
    """A fault for the requests of one operation that are as `where` says, or for all of them.

    The first `after` of these pass; of the next ones each `every`-th gets the fault, `times` in
    all, or without an end if that is None. At most one of `error`, `answer` and `socket` is set; a
    delay of `delay` seconds comes before it. `headers` are added to the error, and `dribble` is the
    pace of the socket fault of that name. `bytes` is the estimated memory that it takes.
    `passed`, `reserved` and `used` count the requests that passed, are running and got the fault.
    """

    operation: str
    error: str | None = None
    answer: RawAnswer | None = None
    socket: str | None = None
    delay: float = 0.0
    times: int | None = 1
    after: int = 0
    every: int = 1
    where: Where | None = None
    headers: tuple[tuple[str, str], ...] = ()
    dribble: Dribble | None = None
    id: int = 0
    bytes: int = 0
    used: int = 0
    passed: int = 0
    reserved: int = field(default=0, repr=False)
    source: dict[str, Any] = field(default_factory=dict, repr=False)
    """The effect of the rule in the control API's form, as it was submitted."""

    @property
    def step(self) -> Step:
        if self.error is not None:
            return ERRORS[self.error].step
        if self.socket is not None and SOCKET_FAULTS[self.socket].when != BEFORE:
            return Step.ANSWER
        return Step.ARRIVAL

    @property
    def name(self) -> str:
        """A short name of the effect, for the journal."""
        answer = f"status {self.answer.status}" if self.answer else None
        return self.error or self.socket or answer or "delay"

    @property
    def says_what_is_sent(self) -> bool:
        """Whether an answer, or headers of one, are as whoever made the rule likes."""
        return self.answer is not None or bool(self.headers)

    @property
    def is_used_up(self) -> bool:
        """Whether all its uses are taken, those by running requests too."""
        return self.times is not None and self.used + self.reserved >= self.times

    def reserve(self) -> bool:
        """Reserve one use of the rule for a request; return False if the request passes."""
        if self.is_used_up:
            return False
        if self.passed < self.after + (self.every - 1) * (self.used + self.reserved + 1):
            self.passed += 1
            return False
        self.reserved += 1
        return True

    def error_of(self, **facts: Any) -> ApiError:
        """Return the error that the rule names, with its headers in place of the error's own."""
        assert self.error is not None
        error = ERRORS[self.error].build(**facts)
        replaced = {name.lower() for name, _ in self.headers}
        kept = {
            name: value for name, value in error.headers.items() if name.lower() not in replaced
        }
        error.headers = {**kept, **dict(self.headers)}
        return error

    def release(self, *, fired: bool) -> None:
        """Count a reserved use if the rule has `fired`, else return it."""
        self.reserved -= 1
        self.used += fired


def errors_of(operation: str) -> Iterator[str]:
    """Return the errors that a rule for `operation` can name."""
    return (name for name in ERRORS if name in BY_NAME[operation].faults)
