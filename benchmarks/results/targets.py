"""Performance targets, as ratios within one run: absolute figures depend on the machine."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks.throughput import Figure


class Target(NamedTuple):
    """A target: under `load`, `server` is at least `ratio` times as fast as `reference`."""

    load: str
    server: str
    reference: str
    ratio: float


TARGETS = (
    Target("upload 20 MB x 1", "fake dir:", "sink", 0.5),
    Target("upload 20 MB x 1", "fake dir:", "handwritten", 3.5),
    Target("upload 50 KB x 8", "fake dir:", "sink", 0.45),
    Target("upload 50 KB x 8", "fake dir:", "handwritten", 1.7),
    Target("upload 20 MB x 1", "fake dir:", "fake dir: unwatched", 0.9),
    Target("upload 50 KB x 8", "fake dir:", "fake dir: unwatched", 0.9),
    Target("poll x 4", "fake dir:", "fake dir: unwatched", 0.9),
    Target("get 20 MB x 1", "fake dir:", "bare file", 0.9),
    Target("poll x 4", "fake dir:", "bare api", 1.0),
)


class Outcome(NamedTuple):
    """The measured ratio of a target: the median, the worst and the best of all rounds."""

    target: Target
    median: float
    worst: float
    best: float

    @property
    def is_met(self) -> bool:
        return self.median >= self.target.ratio


def outcomes(figures: Sequence[Figure]) -> Iterator[Outcome]:
    """Yield the outcome of each target whose two servers were measured."""
    found: Mapping[tuple[str, str], Figure] = {(each.load, each.server): each for each in figures}
    for target in TARGETS:
        figure = found.get((target.load, target.server))
        reference = found.get((target.load, target.reference))
        if figure is not None and reference is not None:
            ratios = figure.ratios(reference)
            yield Outcome(target, statistics.median(ratios), min(ratios), max(ratios))
