"""The time from the command to the first response, and the share of imports in it."""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from benchmarks.servers.running import RunningServer


@dataclass(frozen=True)
class StartFigure:
    """Seconds; medians of all rounds."""

    first_answer: float
    imports: float
    python: float

    def __str__(self) -> str:
        return (
            f"start to first answer {self.first_answer:.2f} s (target 0.6), of it importing "
            f"{self.imports:.2f} s (Python alone {self.python:.2f} s)"
        )


def measure(rounds: int) -> StartFigure:
    """Measure a start until the first health response, the imports alone, and Python alone."""
    answers, imports, pythons = [], [], []
    for _ in range(rounds):
        answers.append(_first_answer())
        imports.append(_run("import fake_apimart.cli, fake_apimart.server"))
        pythons.append(_run("pass"))
    return StartFigure(*(statistics.median(each) for each in (answers, imports, pythons)))


def _first_answer() -> float:
    started = time.perf_counter()
    with RunningServer("fake dir:") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/_fake/health")
        connection.getresponse().read()
        seconds = time.perf_counter() - started
        connection.close()
    return seconds


def _run(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started
