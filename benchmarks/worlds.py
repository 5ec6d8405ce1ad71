"""What worlds cost: starting the fixture's server, a fresh world, a reset, and memory that stays.

`python -m benchmarks.worlds`; with `--requests 1000000` it takes some minutes. Memory is shown with
more worlds than a server keeps, and with as many as fill all journals.
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

from fake_apimart.testing import FakeAPIMart, Server

from benchmarks.load import answer
from benchmarks.servers import RunningServer

CALLS = 1000
WORLDS = (20_000, 1000)
"""Twice as many as a server keeps in memory; and so few that their journals reach their bound."""

_MEGABYTE = 1_000_000
_TIMED = "import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"


@dataclass(frozen=True)
class FixtureFigure:
    """Seconds, medians of all rounds."""

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
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worlds", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=100_000)
    arguments = parser.parse_args()
    print(measure(arguments.rounds))
    for worlds in WORLDS:
        for requests, megabytes in memory(arguments.requests, worlds):
            print(f"{requests:9,} requests in {worlds:6,} worlds: {megabytes:6.1f} MB")


def measure(rounds: int) -> FixtureFigure:
    """The fixture's costs, as a test run meets them."""
    return FixtureFigure(
        statistics.median(_import("fake_apimart.testing", "") for _ in range(rounds)),
        statistics.median(
            _import("fake_apimart.pytest_plugin", "import pytest, typing; ") for _ in range(rounds)
        ),
        statistics.median(_start() for _ in range(rounds)),
        *_calls(),
    )


def _import(module: str, before: str) -> float:
    code = before + _TIMED.format(module=module)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return float(ran.stdout)


def _start() -> float:
    started = time.perf_counter()
    with Server():
        return time.perf_counter() - started


def _calls() -> tuple[float, float]:
    """A world from its beginning to its end, and a reset, each in seconds."""
    with Server() as server, FakeAPIMart(server.url) as world:
        # The first call imports the control API.
        world.reset()

        def begin_and_end() -> None:
            fresh = FakeAPIMart(server.url)
            fresh.close()

        return median_seconds(begin_and_end, CALLS), median_seconds(world.reset, CALLS)


def median_seconds(action: Callable[[], None], calls: int) -> float:
    """What `action` takes, the median of `calls`."""
    seconds = []
    for _ in range(calls):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def memory(requests: int, worlds: int) -> Iterator[tuple[int, float]]:
    """Requests so far, by as many keys as there are `worlds`, and the server's megabytes."""
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
            assert answer(sock, scratch).startswith(b"HTTP/1.1 400")


if __name__ == "__main__":
    main()
