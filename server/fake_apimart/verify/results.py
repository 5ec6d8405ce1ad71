"""What came of the cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from fake_apimart.cases.case import Behaviour, Case
from fake_apimart.cases.matching import Difference
from fake_apimart.cases.source import Source
from fake_apimart.client.answer import Answer


class State(Enum):
    """What came of a case, or of an expectation."""

    HELD = "held"
    BROKEN = "broken"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Check:
    """An expectation that an answer was held against."""

    step: int
    """From 1 on."""
    source: Source
    differences: Sequence[Difference]

    @property
    def state(self) -> State:
        """Return whether it held."""
        return State.BROKEN if self.differences else State.HELD


@dataclass(slots=True)
class Received:
    """An answer that a step was held against; None is a connection that ended without one."""

    step: int
    path: str
    """That of the request."""
    answer: Answer | None
    times: tuple[int, int] = (0, 0)
    """When the request was sent and when it was answered, in Unix seconds by the server's clock."""


@dataclass(slots=True)
class Result:
    """What came of a case; `reason` says why it was not run."""

    operation: str
    behaviour: Behaviour
    case: Case
    checks: list[Check] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """The values that had names from the start."""
    reason: str = ""
    seconds: float = 0

    @property
    def name(self) -> str:
        """Its name among all cases."""
        return f"{self.operation}/{self.case.name}"

    @property
    def state(self) -> State:
        """Return what came of it as a whole."""
        if self.reason:
            return State.NOT_RUN
        is_broken = any(each.state is State.BROKEN for each in self.checks)
        return State.BROKEN if is_broken else State.HELD
