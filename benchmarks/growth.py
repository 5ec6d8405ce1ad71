"""How costs grow with the files in a server's storage and the worlds in its memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fake_apimart_storage import ObjectInfo
from fake_apimart_storage.object_file import trailer
from fake_apimart_testing import FakeAPIMart

from benchmarks import load as loads
from benchmarks.servers.running import RunningServer, touch_memory
from benchmarks.worlds import median_seconds

FILES = (10, 1000, 100_000)
WORLDS = (1, 100, 10_000)
LEVELS = (*(("files", count) for count in FILES), *(("worlds", count) for count in WORLDS))
CALLS = 300
SECONDS = 0.7

LOADS = tuple(
    next(load for load in loads.LOADS if load.name == name)
    for name in (
        *("poll x 4", "create x 4", "get 50 KB x 8", "get 20 MB x 1"),
        *("upload 50 KB x 8", "upload 20 MB x 1"),
    )
)
"""Uploads come last, because what they store adds to what the server holds."""

START, FRESH_WORLD, RESET, MEMORY = "start", "fresh world", "reset", "memory"
DURATIONS = (START, FRESH_WORLD, RESET)
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class GrowthFigure:
    """The figures of a server that holds `count` files or worlds.

    Each round has requests per second by load, durations in seconds, and memory in megabytes.
    """

    of: str
    count: int
    rounds: tuple[dict[str, float], ...]

    def median(self, name: str) -> float:
        """Return the median of one figure over all rounds."""
        return statistics.median(each[name] for each in self.rounds)


def measure(rounds: int) -> list[GrowthFigure]:
    """Measure all levels in turns, in alternating order, each on a new server."""
    measured: dict[tuple[str, int], list[dict[str, float]]] = {level: [] for level in LEVELS}
    for number in range(rounds):
        for of, count in reversed(LEVELS) if number % 2 else LEVELS:
            touch_memory()
            prepare = _files(count if of == "files" else 0)
            with RunningServer("fake dir:", prepare=prepare) as server:
                _make_worlds(server, count if of == "worlds" else 0)
                measured[of, count].append(_measure_once(server))
    return [GrowthFigure(of, count, tuple(each)) for (of, count), each in measured.items()]


def _files(count: int) -> Callable[[Path], None]:
    """Return a function that fills a folder with `count` small pictures of other worlds."""

    def prepare(folder: Path) -> None:
        images = folder / "objects" / "image"
        images.mkdir(parents=True)
        now = int(time.time())
        for number in range(count):
            name = f"8200000000000-{number:08x}-a.jpg"
            metadata = {"name": "a.jpg", "world": f"{number % 100:032x}"}
            info = ObjectInfo(f"image/{name}", "image/jpeg", now, now + 259_200, metadata)
            (images / name).write_bytes(loads.content(1000) + trailer(info, 1000))

    return prepare


def _make_worlds(server: RunningServer, count: int) -> None:
    for number in range(count):
        path = b"/v1/tasks/task_%026d" % number
        sent = loads.request(b"GET", path).replace(b"Bearer bench", b"Bearer k%d" % number)
        loads.once(sent, server.port)


def _measure_once(server: RunningServer) -> dict[str, float]:
    figures = {START: server.start_seconds}
    for load in LOADS:
        loads.run(load, server.port, SECONDS / 4)
        result = loads.run(load, server.port, SECONDS)
        figures[load.name] = result.requests / result.seconds
    url = f"http://127.0.0.1:{server.port}"
    world = FakeAPIMart(url)
    world.reset()
    figures[FRESH_WORLD] = median_seconds(lambda: FakeAPIMart(url).close(), CALLS)
    figures[RESET] = median_seconds(world.reset, CALLS)
    figures[MEMORY] = server.memory("VmRSS") / _MEGABYTE
    return figures
