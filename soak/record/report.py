"""The report of a run: for readers, as a Markdown table for the documentation, and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from soak.record.findings import KINDS
from soak.record.outcome import Outcome
from soak.record.tally import BROKEN

_MEGABYTE = 1_000_000


def summary(outcome: Outcome) -> str:
    """Return what a run has sent, seen and compared, as lines of text."""
    tally = outcome.tally
    lines = [
        _first_line(outcome),
        f"  disturbances: {_counts(outcome.incidents.counts)}; {outcome.starts} starts",
        f"  acknowledged: {_counts(tally.acknowledged)}",
        f"  verified:     {_counts(tally.verified)}",
        *(f"  {each:<20} {_counts(counts)}" for each, counts in tally.by_operation().items()),
        f"  log lines:    {_counts(outcome.log_levels)}",
        f"  memory, descriptors, threads at start: {_gauges(outcome.start)}",
        f"  memory, descriptors, threads at the end: {_gauges(outcome.end)}",
    ]
    for each in outcome.growth:
        unit = _MEGABYTE if each.name == "memory" else 1
        shown = ", ".join(f"{third / unit:.1f}" for third in each.thirds)
        lines.append(f"  {each.name} in the thirds of the calm time: {shown}")
    lines.append(f"  found: {_counts(outcome.findings.counts)}")
    return "\n".join(lines)


def _first_line(outcome: Outcome) -> str:
    tally = outcome.tally
    return (
        f"{outcome.storage}: {outcome.seconds:.0f} s, {tally.sent} requests, "
        f"{tally.bytes_sent / _MEGABYTE:.0f} MB sent, "
        f"{tally.bytes_compared / _MEGABYTE:.0f} MB compared, {outcome.callbacks} callbacks"
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a Markdown table with a column for each storage."""
    rows = [("", *(each.storage for each in outcomes))]
    rows.append(tuple(["---"] * (len(outcomes) + 1)))
    rows += [
        ("minutes", *(f"{each.seconds / 60:.0f}" for each in outcomes)),
        ("requests", *(f"{each.tally.sent:,}" for each in outcomes)),
        ("answers lost to disturbances", *(f"{_broken(each):,}" for each in outcomes)),
        ("kills, stops and other disturbances", *(_disturbances(each) for each in outcomes)),
        ("acknowledged uploads, tasks", *(_acknowledged(each) for each in outcomes)),
        (
            "files compared byte for byte",
            *(f"{each.tally.verified['files']:,}" for each in outcomes),
        ),
        ("gigabytes compared", *(f"{each.tally.bytes_compared / 1e9:.1f}" for each in outcomes)),
        *((text, *(str(each.findings.counts[kind]) for each in outcomes)) for kind, text in _KINDS),
        *(
            (f"{name} in the thirds of the calm time", *(_thirds(each, name) for each in outcomes))
            for name in ("memory", "descriptors")
        ),
        ("threads at start, at the end", *(_threads(each) for each in outcomes)),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


_KINDS = [(kind, f"**{kind}**: {text}") for kind, text in KINDS.items()]


def as_json(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the outcomes as JSON."""
    return [_one_as_json(each) for each in outcomes]


def _one_as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "storage": outcome.storage,
        "seed": outcome.plan.seed,
        "seconds": round(outcome.seconds, 1),
        "requests": outcome.tally.sent,
        "answers": outcome.tally.by_operation(),
        "acknowledged": dict(outcome.tally.acknowledged),
        "verified": dict(outcome.tally.verified),
        "bytes_sent": outcome.tally.bytes_sent,
        "bytes_compared": outcome.tally.bytes_compared,
        "callbacks": outcome.callbacks,
        "disturbances": outcome.incidents.counts,
        "starts": outcome.starts,
        "log_levels": outcome.log_levels,
        "start": outcome.start and dataclasses.asdict(outcome.start),
        "end": outcome.end and dataclasses.asdict(outcome.end),
        "samples": outcome.samples,
        "growth": [dataclasses.asdict(each) for each in outcome.growth],
        "findings": outcome.findings.counts,
        "texts": outcome.findings.texts,
    }


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def _gauges(read: Any) -> str:
    if read is None:
        return "unknown"
    return f"{read.memory / _MEGABYTE:.0f} MB, {read.descriptors}, {read.threads}"


def _broken(outcome: Outcome) -> int:
    counts = outcome.tally.answers.items()
    return sum(count for (_, status), count in counts if status == BROKEN)


def _disturbances(outcome: Outcome) -> str:
    return _counts(outcome.incidents.counts)


def _acknowledged(outcome: Outcome) -> str:
    counts = outcome.tally.acknowledged
    return f"{counts['uploads']:,}, {counts['tasks']:,}"


def _thirds(outcome: Outcome, name: str) -> str:
    for each in outcome.growth:
        if each.name == name:
            unit, suffix = (_MEGABYTE, " MB") if name == "memory" else (1, "")
            return ", ".join(f"{third / unit:.0f}" for third in each.thirds) + suffix
    return "too few samples"


def _threads(outcome: Outcome) -> str:
    return ", ".join(str(read.threads) if read else "?" for read in (outcome.start, outcome.end))
