"""Incidents: when the soak itself disturbed the server, and what clients may see of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

AFTERMATH_SECONDS = 2.0
"""For how long a disturbance that has ended may still show: retries, requests that waited."""


@dataclass
class Incident:
    """A disturbance of this run. Times are monotonic seconds; `end` is infinite while it lasts."""

    kind: str
    statuses: frozenset[int]
    breaks_connections: bool
    leaves_doubt: bool
    """Whether a request that was answered 5xx may nevertheless have been carried out."""
    start: float = field(default_factory=time.monotonic)
    end: float = float("inf")

    def overlaps(self, start: float, end: float) -> bool:
        """Return whether a request of this time can have met it."""
        return start <= self.end + AFTERMATH_SECONDS and end >= self.start


class Incidents:
    """All disturbances of a run, by which failures are explained."""

    def __init__(self) -> None:
        self._all: list[Incident] = []
        self.counts: dict[str, int] = {}

    @contextlib.contextmanager
    def during(
        self,
        kind: str,
        statuses: frozenset[int] = frozenset(),
        *,
        breaks_connections: bool = False,
        leaves_doubt: bool = False,
    ) -> Iterator[Incident]:
        """Note that the block disturbs the server."""
        incident = Incident(kind, statuses, breaks_connections, leaves_doubt)
        self._all.append(incident)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        try:
            yield incident
        finally:
            incident.end = time.monotonic()

    def explain_status(self, status: int, start: float, end: float) -> bool:
        """Return whether a disturbance explains this answer to a request of this time."""
        return any(status in each.statuses for each in self._at(start, end))

    def explain_break(self, start: float, end: float) -> bool:
        """Return whether a disturbance explains that a connection of this time broke."""
        return any(each.breaks_connections for each in self._at(start, end))

    def leave_doubt(self, start: float, end: float) -> bool:
        """Return whether a refusal of this time may have been carried out nevertheless."""
        return any(each.leaves_doubt for each in self._at(start, end))

    def _at(self, start: float, end: float) -> list[Incident]:
        return [each for each in self._all if each.overlaps(start, end)]
