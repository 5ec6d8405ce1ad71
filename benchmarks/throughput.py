"""Requests a second, server beside server: round after round, so that noise meets all alike."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.load import Load, run
from benchmarks.servers import RunningServer

SERVERS = ("sink", "handwritten", "fake dir:", "fake memory://")

WARM_UP_SECONDS = 0.3
# The sink only takes uploads; the handwritten one has no tasks, and refuses nothing for its size.
ASKED = {"sink": {"upload"}, "handwritten": {"upload", "get"}}
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Figure:
    """One server under one load: medians over all rounds."""

    server: str
    load: str
    requests_per_second: float
    spread: tuple[float, float]
    megabytes_per_second: float
    requests_per_cpu_second: float
    load_share: float
    """CPU seconds of the load itself per CPU second of the server."""


def measure(loads: Iterable[Load], rounds: int, seconds: float) -> list[Figure]:
    """All loads on all servers, interleaved."""
    return [figure for load in loads for figure in _measure_load(load, rounds, seconds)]


def _measure_load(load: Load, rounds: int, seconds: float) -> list[Figure]:
    rates: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for _ in range(rounds):
        for name in SERVERS:
            if load.kind in ASKED.get(name, {load.kind}):
                rates[name].append(_measure_once(name, load, seconds))
    return [_figure(name, load, each) for name, each in rates.items()]


def _measure_once(name: str, load: Load, seconds: float) -> tuple[float, float, float]:
    # A new server each time: what it stored before would fill the memory-backed folder.
    with RunningServer(name) as server:
        run(load, server.port, WARM_UP_SECONDS)
        before = server.cpu_seconds()
        result = run(load, server.port, seconds)
        cpu = max(server.cpu_seconds() - before, 0.01)
    return result.requests / result.seconds, result.requests / cpu, result.load_cpu_seconds / cpu


def _figure(name: str, load: Load, rates: list[tuple[float, float, float]]) -> Figure:
    wall = [each[0] for each in rates]
    median = statistics.median(wall)
    return Figure(
        server=name,
        load=load.name,
        requests_per_second=median,
        spread=(min(wall), max(wall)),
        megabytes_per_second=median * load.size / _MEGABYTE,
        requests_per_cpu_second=statistics.median(each[1] for each in rates),
        load_share=statistics.median(each[2] for each in rates),
    )
