"""The cost of worlds: the start of the fixture's server, a new world, a reset, and memory growth.

Run `python -m benchmarks.worlds`; `--requests 1000000` takes some minutes. Memory is measured with
more worlds than a server keeps, and with few enough worlds that their journals reach their bound.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fake_apimart_testing import FakeAPIMart, Server

from benchmarks.load import read_response
from benchmarks.servers.running import RunningServer

CALLS = 1000
WORLDS = (20_000, 1000)
"""Twice as many as a server keeps in memory, and few enough that journals reach their bound."""

_MEGABYTE = 1_000_000
_TIMED = "import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"


@dataclass(frozen=True)
class FixtureFigure:
    """Seconds; medians of all rounds."""

    import_testing: float
    import_plugin: float
    start: float
    fresh_world: float
    reset: float

    def __str__(self) -> str:
        return (
            f"import {self.import_testing * 1000:.2f} ms, of the plugin "
            f"{self.import_plugin * 1000:.2f} ms; child to listening {self.start * 1000:.0f} ms; "
            f"fresh world {self.fresh_world * 1000:.2f} ms; reset {self.reset * 1000:.2f} ms"
        )


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worlds", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=100_000)
    arguments = parser.parse_args()
    print(measure(arguments.rounds))
    for worlds in WORLDS:
        for requests, megabytes in memory(arguments.requests, worlds):
            print(f"{requests:9,} requests in {worlds:6,} worlds: {megabytes:6.1f} MB")


def measure(rounds: int) -> FixtureFigure:
    """Measure what the fixture costs a test run."""
    return FixtureFigure(
        statistics.median(_import("fake_apimart_testing", "") for _ in range(rounds)),
        statistics.median(
            _import("fake_apimart_testing.pytest_plugin", "import pytest, typing; ")
            for _ in range(rounds)
        ),
        statistics.median(_start() for _ in range(rounds)),
        *_calls(),
    )


def _import(module: str, before: str) -> float:
    code = before + _TIMED.format(module=module)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return float(result.stdout)


def _start() -> float:
    started = time.perf_counter()
    with Server():
        return time.perf_counter() - started


def _calls() -> tuple[float, float]:
    """Measure a world from its creation to its end, and a reset, in seconds each."""
    with Server() as server, FakeAPIMart(server.url) as world:
        # The first call is slower: it imports the control API.
        world.reset()

        def begin_and_end() -> None:
            fresh = FakeAPIMart(server.url)
            fresh.close()

        return median_seconds(begin_and_end, CALLS), median_seconds(world.reset, CALLS)


def median_seconds(action: Callable[[], None], calls: int) -> float:
    """Return the median duration of `calls` calls of `action`, in seconds."""
    seconds = []
    for _ in range(calls):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def memory(requests: int, worlds: int) -> Iterator[tuple[int, float]]:
    """Send requests with `worlds` keys; yield the requests so far and the server's megabytes."""
    with (
        RunningServer("fake memory://") as server,
        socket.create_connection(("127.0.0.1", server.port)) as sock,
    ):
        scratch = bytearray(65536)
        for number in range(requests + 1):
            if number % (requests // 10) == 0:
                yield number, server.memory("VmRSS") / _MEGABYTE
            key = b"sk-fake-%d" % (number % worlds)
            sock.sendall(
                b"GET /v1/tasks/task_%026d HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                b"User-Agent: benchmark\r\nAccept: */*\r\nAuthorization: Bearer %b\r\n\r\n"
                % (number, key)
            )
            assert read_response(sock, scratch).startswith(b"HTTP/1.1 400")


if __name__ == "__main__":
    main()
