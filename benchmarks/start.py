"""The time from the command to the first response, and the share of imports in it.

`python -m benchmarks.start` prints which packages a server imports before its first response, and
how long each takes.
"""

from __future__ import annotations

import http.client
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.servers import RunningServer

_SERVE = ("-m", "fake_apimart", "serve", "--port", "0", "--until-stdin-ends")
_IMPORT = re.compile(r"import time: +([0-9]+) \| +[0-9]+ \| *(\S+)", re.ASCII)
HEAVIEST = 15


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


def imported(*flags: str) -> dict[str, float]:
    """Return all that `serve` imports before its first response, and the seconds of each.

    They are longer than without the interpreter's own measuring, which is about the same for each.
    """
    pipe = subprocess.PIPE
    command = [sys.executable, "-X", "importtime", *_SERVE, *flags]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split("listening on ")[1].split(" ")[0]
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        connection.request("GET", "/_fake/health")
        connection.getresponse().read()
        connection.close()
        _, log = server.communicate()
    return {name: int(microseconds) / 1e6 for microseconds, name in _IMPORT.findall(log)}


def table(seconds: dict[str, float]) -> str:
    """Return the heaviest packages of `imported`, with the modules of each, and the sum of all."""
    packages: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for module, each in seconds.items():
        package = module.partition(".")[0]
        packages[package] += each  # type: ignore[assignment]
        modules[package] += 1
    heaviest = packages.most_common(HEAVIEST)
    lines = [f"{each * 1000:7.1f} ms {modules[name]:4} {name}" for name, each in heaviest]
    return "\n".join([*lines, f"{sum(seconds.values()) * 1000:7.1f} ms {len(seconds):4} in all"])


if __name__ == "__main__":
    print(table(imported("--storage", "memory://")))
