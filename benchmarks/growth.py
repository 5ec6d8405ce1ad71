"""How costs grow with what a server holds: files in its storage, worlds in its memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fake_apimart.testing import FakeAPIMart
from fake_apimart_storage import ObjectInfo
from fake_apimart_storage.object_file import trailer

from benchmarks import load as loads
from benchmarks.load import Load
from benchmarks.servers import RunningServer
from benchmarks.worlds import median_seconds

FILES = (10, 1000, 100_000)
WORLDS = (1, 100, 10_000)
CALLS = 300
SECONDS = 1.0

MEASURED = (
    Load("upload 50 KB x 8", 50_000, 8),
    Load("get 50 KB x 8", 50_000, 8),
    Load("poll x 4", 0, 4),
    Load("create x 4", 0, 4),
)
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Grown:
    """The server beside so many files or worlds: requests a second by load, seconds, megabytes."""

    of: str
    count: int
    rates: dict[str, float]
    fresh_world: float
    reset: float
    memory: float


def measure() -> Iterator[Grown]:
    """Each count with a server of its own."""
    for count in FILES:
        with RunningServer("fake dir:", prepare=_files(count)) as server:
            yield _measured(server, "files", count)
    for count in WORLDS:
        with RunningServer("fake dir:") as server:
            _make_worlds(server, count)
            yield _measured(server, "worlds", count)


def _files(count: int) -> Callable[[Path], None]:
    """Puts `count` small pictures of other worlds into a folder, as the storage would."""

    def prepare(folder: Path) -> None:
        images = folder / "objects" / "image"
        images.mkdir(parents=True)
        now = int(time.time())
        for number in range(count):
            name = f"8200000000000-{number:08x}-a.jpg"
            metadata = {"name": "a.jpg", "world": f"{number % 100:032x}"}
            info = ObjectInfo(f"image/{name}", "image/jpeg", now, now + 259_200, metadata)
            (images / name).write_bytes(loads.content(1000) + trailer(info))

    return prepare


def _make_worlds(server: RunningServer, count: int) -> None:
    for number in range(count):
        path = b"/v1/tasks/task_%026d" % number
        sent = loads.request(b"GET", path).replace(b"Bearer bench", b"Bearer k%d" % number)
        loads.once(sent, server.port)


def _measured(server: RunningServer, of: str, count: int) -> Grown:
    rates = {}
    for load in MEASURED:
        loads.run(load, server.port, SECONDS / 4)
        result = loads.run(load, server.port, SECONDS)
        rates[load.name] = result.requests / result.seconds
    url = f"http://127.0.0.1:{server.port}"
    world = FakeAPIMart(url)
    world.reset()
    fresh = median_seconds(lambda: FakeAPIMart(url).close(), CALLS)
    reset = median_seconds(world.reset, CALLS)
    return Grown(of, count, rates, fresh, reset, server.memory("VmRSS") / _MEGABYTE)
