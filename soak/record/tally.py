"""The tally: what was sent, what was answered, and what was compared afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

BROKEN = "broken"


@dataclass
class Tally:
    """Counts of a run. Answers are counted by operation and status, or BROKEN."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    verified: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    bytes_sent: int = 0
    bytes_compared: int = 0

    def by_operation(self) -> dict[str, dict[str, int]]:
        """Return the counts of answers, by operation and then by status."""
        table: dict[str, dict[str, int]] = {}
        for (operation, status), count in sorted(self.answers.items()):
            table.setdefault(operation, {})[status] = count
        return table

    @property
    def sent(self) -> int:
        return sum(self.answers.values())
