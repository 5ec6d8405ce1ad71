"""The outcome of a run on one storage, and what was planned for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from soak.record.findings import Findings
from soak.record.gauges import Gauges
from soak.record.growth import Growth
from soak.record.incidents import Incidents
from soak.record.tally import Tally


@dataclass(frozen=True)
class Plan:
    """What is run: for how many seconds, from which seed, and below which folder."""

    seconds: float
    seed: str
    folder: Path | None = None
    ends_at_finding: bool = False


@dataclass
class Outcome:
    """What a run has seen. `start` and `end` are gauges of the server without load."""

    storage: str
    plan: Plan
    findings: Findings = field(default_factory=Findings)
    tally: Tally = field(default_factory=Tally)
    incidents: Incidents = field(default_factory=Incidents)
    seconds: float = 0.0
    starts: int = 0
    callbacks: int = 0
    start: Gauges | None = None
    end: Gauges | None = None
    samples: list[tuple[float, int]] = field(default_factory=list)
    """Of memory, in bytes, and of descriptors, in the calm time."""
    growth: list[Growth] = field(default_factory=list)
    log_levels: dict[str, int] = field(default_factory=dict)
