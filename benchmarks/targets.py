"""What the speed is to be, as ratios within one run; absolute figures of a machine mean little."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks.throughput import Figure


class Target(NamedTuple):
    """`server` under `load` is to be at least `ratio` times as fast as `reference`."""

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
    """What was measured of a target: the median of all rounds, the worst and the best."""

    target: Target
    median: float
    worst: float
    best: float

    @property
    def is_held(self) -> bool:
        return self.median >= self.target.ratio


def outcomes(figures: Sequence[Figure]) -> Iterator[Outcome]:
    """Of each target whose two servers were measured."""
    found: Mapping[tuple[str, str], Figure] = {(each.load, each.server): each for each in figures}
    for target in TARGETS:
        mine = found.get((target.load, target.server))
        its = found.get((target.load, target.reference))
        if mine is not None and its is not None:
            ratios = mine.ratios(its)
            yield Outcome(target, statistics.median(ratios), min(ratios), max(ratios))
