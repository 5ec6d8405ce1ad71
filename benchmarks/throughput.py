"""Requests a second, server beside server: round after round, so that noise meets all alike."""

from __future__ import annotations

import functools
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import load as loads
from benchmarks import s3
from benchmarks.load import Load, RequestOf
from benchmarks.servers import BUCKET, RunningServer, touch_memory

WARM_UP_SECONDS = 0.3
_MEGABYTE = 1_000_000

ALL = ("upload", "refuse", "get", "create", "poll")


class Asked(NamedTuple):
    """Which kinds of load a server is asked, and in which words."""

    kinds: Collection[str]
    request_of: RequestOf = loads.of_apimart
    reconnects: bool = False


ASKED = {
    "sink": Asked(("upload",)),
    "handwritten": Asked(("upload", "get")),
    # It does not answer a second PUT on one connection.
    "moto": Asked(("upload",), loads.of_s3, reconnects=True),
    "bare file": Asked(("get",), loads.of_bare),
    "bare api": Asked(("poll",), loads.of_bare),
    "fake dir:": Asked(ALL),
    "fake dir: unwatched": Asked(("upload", "create", "poll")),
    "fake memory://": Asked(ALL),
    "fake s3:": Asked(("upload", "get")),
}
"""By name of the server."""

NO_FOLDER = ("moto", "fake memory://", "fake s3:")
"""What these keep lies elsewhere."""


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
    """All loads on all servers, interleaved: there and back, so that none always has the same
    server before it.
    """
    for load in wanted:
        samples: defaultdict[str, list[Sample]] = defaultdict(list)
        for number in range(rounds):
            for name in reversed([*servers]) if number % 2 else servers:
                if load.kind in ASKED[name].kinds and not (load.on_disk and name in NO_FOLDER):
                    samples[name].append(_measure_once(name, load, seconds))
        for name, each in samples.items():
            yield Figure(name, load.name, load.size, tuple(each))


def _measure_once(name: str, load: Load, seconds: float) -> Sample:
    asked = ASKED[name]
    if load.size:
        # What the server before this one gave back, the machine would hand out slowly.
        touch_memory()
    # A new server each time: what it stored before would fill the memory-backed folder.
    disk = Path(tempfile.gettempdir()) if load.on_disk else None
    with RunningServer(name, disk) as server:
        ask = functools.partial(
            loads.run, load, server.port, request_of=asked.request_of, reconnects=asked.reconnects
        )
        ask(seconds=WARM_UP_SECONDS)
        before = server.cpu_seconds()
        result = ask(seconds=seconds)
        cpu = max(server.cpu_seconds() - before, 0.01)
    if name == "fake s3:":
        s3.empty(BUCKET)
    return Sample(
        result.requests / result.seconds, result.requests / cpu, result.load_cpu_seconds / cpu
    )
