"""Growth: whether something still grows in a time in which the load stays the same."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

ALLOWED = 0.05
"""The last third of the samples may have a median so much above those before."""
MIN_SAMPLES = 9


@dataclass(frozen=True)
class Growth:
    """The medians of the three thirds of the samples of one gauge, in its unit.

    `noise` is by how much the gauge moves without growing: connections of the moment, buffers.
    """

    name: str
    thirds: tuple[float, float, float]
    noise: float

    @property
    def is_too_much(self) -> bool:
        # What was higher before and has come back is no growth.
        *before, last = self.thirds
        return last - max(before) > max(ALLOWED * max(before), self.noise)


def growth_of(name: str, samples: Sequence[float], noise: float = 0.0) -> Growth:
    """Compare the thirds of samples in the order of time. Raises ValueError on too few."""
    if len(samples) < MIN_SAMPLES:
        raise ValueError(f"{len(samples)} samples of {name} say nothing about growth")
    third = len(samples) // 3
    first, second = samples[:third], samples[third : 2 * third]
    medians = [statistics.median(part) for part in (first, second, samples[2 * third :])]
    return Growth(name, (medians[0], medians[1], medians[2]), noise)
