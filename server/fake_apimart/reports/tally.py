"""Counts of what came of expectations, by operation and source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fake_apimart.cases.source import SOURCES
from fake_apimart.verify.results import Result, State


@dataclass(slots=True)
class Tally:
    """What came of the cases of an operation."""

    held: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SOURCES, 0))
    """Expectations by source."""
    broken: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SOURCES, 0))
    cases: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))

    def add(self, result: Result) -> None:
        """Count a case, and what was expected in it."""
        self.cases[result.state] += 1
        for check in result.checks:
            counts = self.broken if check.differences else self.held
            counts[check.source.tag] += 1


def by_operation(results: Sequence[Result]) -> Mapping[str, Tally]:
    """Return the counts of each operation, in the order of the cases."""
    tallies: dict[str, Tally] = {}
    for each in results:
        tallies.setdefault(each.operation, Tally()).add(each)
    return tallies


def in_all(results: Sequence[Result]) -> Tally:
    """Return the counts of everything."""
    whole = Tally()
    for each in results:
        whole.add(each)
    return whole
