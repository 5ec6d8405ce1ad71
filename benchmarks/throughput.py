"""Requests per second of all servers, in turns, so that noise affects all of them equally."""

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
from benchmarks.load import Load, RequestOf
from benchmarks.servers.running import BUCKET, RunningServer, touch_memory
from benchmarks.stores import s3

WARM_UP_SECONDS = 0.3
_MEGABYTE = 1_000_000

ALL = ("upload", "refuse", "get", "create", "poll")


class Workload(NamedTuple):
    """The kinds of load that a server gets, and how their requests are built."""

    kinds: Collection[str]
    request_of: RequestOf = loads.of_apimart
    reconnects: bool = False


WORKLOADS = {
    "sink": Workload(("upload",)),
    "handwritten": Workload(("upload", "get")),
    # moto does not answer a second PUT on the same connection.
    "moto": Workload(("upload",), loads.of_s3, reconnects=True),
    "bare file": Workload(("get",), loads.of_bare),
    "bare api": Workload(("poll",), loads.of_bare),
    "fake dir:": Workload(ALL),
    "fake dir: unwatched": Workload(("upload", "create", "poll")),
    "fake memory://": Workload(ALL),
    "fake s3:": Workload(("upload", "get")),
}
"""By name of the server."""

NO_FOLDER = ("moto", "fake memory://", "fake s3:")
"""Servers that store nothing in a local folder, so they have no load on disk."""


@dataclass(frozen=True)
class Sample:
    """The figures of one server under one load in one round."""

    requests_per_second: float
    requests_per_cpu_second: float
    load_share: float
    """CPU seconds of the load generator per CPU second of the server."""


@dataclass(frozen=True)
class Figure:
    """The figures of one server under one load, round by round."""

    server: str
    load: str
    size: int
    samples: tuple[Sample, ...]

    def median(self, field: str) -> float:
        """Return the median of one field of the samples."""
        return float(statistics.median(getattr(each, field) for each in self.samples))

    @property
    def megabytes_per_second(self) -> float:
        return self.median("requests_per_second") * self.size / _MEGABYTE

    @property
    def spread(self) -> tuple[float, float]:
        """Return the requests per second of the worst and the best round."""
        rates = [each.requests_per_second for each in self.samples]
        return min(rates), max(rates)

    def ratios(self, other: Figure) -> list[float]:
        """Return how many times as fast as `other` this server was, round by round."""
        pairs = zip(self.samples, other.samples, strict=True)
        return [mine.requests_per_second / its.requests_per_second for mine, its in pairs]


def measure(
    selected: Iterable[Load], servers: Collection[str], rounds: int, seconds: float
) -> Iterator[Figure]:
    """Measure the selected loads on all servers, in turns.

    The order alternates, so that no server always runs after the same one.
    """
    for load in selected:
        samples: defaultdict[str, list[Sample]] = defaultdict(list)
        for number in range(rounds):
            for name in reversed([*servers]) if number % 2 else servers:
                if load.kind in WORKLOADS[name].kinds and not (load.on_disk and name in NO_FOLDER):
                    samples[name].append(_measure_once(name, load, seconds))
        for name, each in samples.items():
            yield Figure(name, load.name, load.size, tuple(each))


def _measure_once(name: str, load: Load, seconds: float) -> Sample:
    workload = WORKLOADS[name]
    if load.size:
        # The memory that the previous server freed would be slow on its first use.
        touch_memory()
    # A new server each time: stored files would fill the memory-backed folder.
    disk = Path(tempfile.gettempdir()) if load.on_disk else None
    with RunningServer(name, disk) as server:
        run = functools.partial(
            loads.run,
            load,
            server.port,
            request_of=workload.request_of,
            reconnects=workload.reconnects,
        )
        run(seconds=WARM_UP_SECONDS)
        before = server.cpu_seconds()
        result = run(seconds=seconds)
        cpu = max(server.cpu_seconds() - before, 0.01)
    if name == "fake s3:":
        s3.empty(BUCKET)
    return Sample(
        result.requests / result.seconds, result.requests / cpu, result.load_cpu_seconds / cpu
    )
