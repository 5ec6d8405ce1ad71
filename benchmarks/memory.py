"""Memory at rest, and its rise during many concurrent large uploads."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass

from benchmarks.load import Load, in_threads, once, run, upload_request
from benchmarks.servers.running import RunningServer

UPLOADS = 64
SIZE = 20_000_000
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class MemoryFigure:
    """Megabytes at rest, and the peak above the warmed-up server, round by round."""

    at_rest: float
    rises: tuple[float, ...]

    def __str__(self) -> str:
        return (
            f"memory at rest {self.at_rest:.0f} MB (target 70); {UPLOADS} uploads of 20 MB at once "
            f"raise it by {statistics.median(self.rises):.0f} MB, at the most "
            f"{max(self.rises):.0f} (target 60)"
        )


def measure(rounds: int) -> MemoryFigure:
    """Measure a server on `dir:` under UPLOADS concurrent uploads of SIZE bytes."""
    measured = [_measure_once() for _ in range(rounds)]
    return MemoryFigure(
        statistics.median(at_rest for at_rest, _ in measured), tuple(rise for _, rise in measured)
    )


def _measure_once() -> tuple[float, float]:
    with RunningServer("fake dir:") as server:
        at_rest = server.memory("VmRSS")
        # What the first uploads load once, mainly libmagic, does not count as a rise.
        run(Load("warm up", 500_000, 2), server.port, 0.3)
        warm = server.memory("VmRSS")
        request = upload_request(SIZE)
        in_threads(UPLOADS, lambda number: _upload(server.port, request))
        return at_rest / _MEGABYTE, (server.memory("VmHWM") - warm) / _MEGABYTE


def _upload(port: int, request: bytes) -> None:
    uploaded = json.loads(once(request, port).partition(b"\r\n\r\n")[2])
    assert uploaded["bytes"] == SIZE, uploaded
