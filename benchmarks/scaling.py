"""The price of a shared state, and the gain of more processes: `python -m benchmarks.scaling`.

All on one machine and one folder, in turns: a server with its state in memory, then one, two and
four processes that share a Redis, which has a processor's time of its own.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load as loads
from benchmarks.load import Load
from benchmarks.servers.running import RunningServer, cpu_seconds_of
from benchmarks.worlds import median_seconds
from tests.redis_server import RedisServer

ALONE = "memory"
PROCESSES = {"Redis, 1 process": 1, "Redis, 2 processes": 2, "Redis, 4 processes": 4}
LOADS = (
    Load("poll x 8", 0, 8),
    Load("upload 50 KB x 8", 50_000, 8),
    Load("create x 8", 0, 8),
    Load("get 50 KB x 8", 50_000, 8),
)
CALLS = 200
"""Requests of one connection whose median is the latency."""
WARM_UP_SECONDS = 0.3

_MICRO, _MILLI = 1e6, 1e3


@dataclass(frozen=True)
class Sample:
    """One server under one load in one round; CPU is seconds for each request."""

    rate: float
    server_cpu: float
    redis_cpu: float
    latency: float


def main() -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", default="", help="loads whose name holds this")
    arguments = parser.parse_args()
    print(
        f"{'load':18}{'state':20}{'req/s':>8}{'x memory (worst..best)':>25}"
        f"{'CPU µs':>9}{'of Redis':>10}{'latency ms':>12}"
    )
    with RedisServer() as redis:
        for load in LOADS:
            if arguments.only in load.name:
                measured = measure(load, redis, arguments.rounds, arguments.seconds)
                for line in lines(load, measured):
                    print(line, flush=True)


def measure(load: Load, redis: RedisServer, rounds: int, seconds: float) -> dict[str, list[Sample]]:
    """Measure all servers under a load, in turns, there and back."""
    samples: defaultdict[str, list[Sample]] = defaultdict(list)
    for number in range(rounds):
        names = [ALONE, *PROCESSES]
        for name in reversed(names) if number % 2 else names:
            samples[name].append(_measure_once(load, name, redis, seconds))
    return {name: samples[name] for name in (ALONE, *PROCESSES)}


def _measure_once(load: Load, name: str, redis: RedisServer, seconds: float) -> Sample:
    flags: Sequence[str] = ()
    if name != ALONE:
        redis.stop()
        redis.start()
        flags = ("--state", redis.url, "--workers", str(PROCESSES[name]))
    with RunningServer("fake dir:", flags=flags) as server:
        loads.run(load, server.port, WARM_UP_SECONDS)
        before = _cpu(server, redis)
        result = loads.run(load, server.port, seconds)
        own, of_redis = (now - then for now, then in zip(_cpu(server, redis), before, strict=True))
        latency = _latency(load, server.port)
    return Sample(
        result.requests / result.seconds,
        own / result.requests,
        of_redis / result.requests if flags else 0.0,
        latency,
    )


def _cpu(server: RunningServer, redis: RedisServer) -> tuple[float, float]:
    """Return the CPU seconds of a server's processes, and those of Redis."""
    return sum(map(cpu_seconds_of, _family(server.pid))), cpu_seconds_of(redis.pid)


def _family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def _latency(load: Load, port: int) -> float:
    request, buffer = loads.of_apimart(load, port, 0), bytearray(1 << 20)
    with loads.connected(port) as sock:

        def ask() -> None:
            sock.sendall(request)
            loads.read_response(sock, buffer)

        return median_seconds(ask, CALLS)


def lines(load: Load, measured: dict[str, list[Sample]]) -> list[str]:
    """Return a row for each server."""
    return [_line(load.name, name, samples, measured[ALONE]) for name, samples in measured.items()]


def _line(load: str, name: str, samples: list[Sample], alone: list[Sample]) -> str:
    def median(field: str) -> float:
        return float(statistics.median(getattr(each, field) for each in samples))

    ratios = [mine.rate / its.rate for mine, its in zip(samples, alone, strict=True)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
    return (
        f"{load:18}{name:20}{median('rate'):8.0f}{spread:>25}"
        f"{median('server_cpu') * _MICRO:9.0f}{median('redis_cpu') * _MICRO:10.0f}"
        f"{median('latency') * _MILLI:12.2f}"
    )


if __name__ == "__main__":
    main()
