"""Gauges: memory, descriptors and threads of a process and its children, read from /proc."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Gauges:
    """Of a process and all its descendants. Memory is their proportional share (PSS), in bytes."""

    memory: int
    descriptors: int
    threads: int


def read(pid: int) -> Gauges | None:
    """Read the gauges of a process, or return None if it has ended."""
    found = [gauges for each in _with_children(pid) if (gauges := _read_one(each))]
    if not found:
        return None
    return Gauges(
        sum(each.memory for each in found),
        sum(each.descriptors for each in found),
        sum(each.threads for each in found),
    )


def _read_one(pid: int) -> Gauges | None:
    process = _PROC / str(pid)
    with contextlib.suppress(OSError, IndexError):
        rollup = (process / "smaps_rollup").read_text()
        memory = int(rollup.split("\nPss:")[1].split()[0]) * 1024
        descriptors = len(list((process / "fd").iterdir()))
        return Gauges(memory, descriptors, len(list((process / "task").iterdir())))
    return None


def _with_children(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in (_PROC / str(parent) / "task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found
