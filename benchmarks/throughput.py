"""Requests a second, server beside server: round after round, so that noise meets all alike."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from benchmarks import load as loads
from benchmarks.load import Load, RequestOf
from benchmarks.servers import RunningServer

WARM_UP_SECONDS = 0.3
_MEGABYTE = 1_000_000

ALL = ("upload", "refuse", "get", "create", "poll")
ASKED: dict[str, tuple[Collection[str], RequestOf]] = {
    "sink": (("upload",), loads.of_apimart),
    "handwritten": (("upload", "get"), loads.of_apimart),
    "moto": (("upload",), loads.of_s3),
    "bare file": (("get",), loads.of_bare),
    "bare api": (("poll",), loads.of_bare),
    "fake dir:": (ALL, loads.of_apimart),
    "fake dir: unwatched": (("upload", "create", "poll"), loads.of_apimart),
    "fake memory://": (ALL, loads.of_apimart),
    "fake s3:": (("upload", "get"), loads.of_apimart),
}
"""Which kinds of load each server is asked, and in which words."""


@dataclass(frozen=True)
class Sample:
    """One server under one load in one round."""

    requests_per_second: float
    requests_per_cpu_second: float
    load_share: float
    """CPU seconds of the load itself per CPU second of the server."""


@dataclass(frozen=True)
class Figure:
    """One server under one load, round by round."""

    server: str
    load: str
    size: int
    samples: tuple[Sample, ...]

    def median(self, field: str) -> float:
        """Of one field of the samples."""
        return float(statistics.median(getattr(each, field) for each in self.samples))

    @property
    def megabytes_per_second(self) -> float:
        return self.median("requests_per_second") * self.size / _MEGABYTE

    @property
    def spread(self) -> tuple[float, float]:
        """Requests a second in the worst and the best round."""
        rates = [each.requests_per_second for each in self.samples]
        return min(rates), max(rates)

    def ratios(self, other: Figure) -> list[float]:
        """How many times as fast as `other` it was, round by round."""
        pairs = zip(self.samples, other.samples, strict=True)
        return [mine.requests_per_second / its.requests_per_second for mine, its in pairs]


def measure(
    wanted: Iterable[Load], servers: Collection[str], rounds: int, seconds: float
) -> Iterator[Figure]:
    """All loads on all servers, interleaved."""
    for load in wanted:
        samples: defaultdict[str, list[Sample]] = defaultdict(list)
        for _ in range(rounds):
            for name in servers:
                if load.kind in ASKED[name][0]:
                    samples[name].append(_measure_once(name, load, seconds))
        for name, each in samples.items():
            yield Figure(name, load.name, load.size, tuple(each))


def _measure_once(name: str, load: Load, seconds: float) -> Sample:
    request_of = ASKED[name][1]
    # A new server each time: what it stored before would fill the memory-backed folder.
    with RunningServer(name) as server:
        loads.run(load, server.port, WARM_UP_SECONDS, request_of)
        before = server.cpu_seconds()
        result = loads.run(load, server.port, seconds, request_of)
        cpu = max(server.cpu_seconds() - before, 0.01)
    return Sample(
        result.requests / result.seconds, result.requests / cpu, result.load_cpu_seconds / cpu
    )
