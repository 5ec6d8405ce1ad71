"""Memory of large blocks goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from fake_apimart.machine.allocator import keep_large_blocks_apart

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

if sys.argv[1] == "apart":
    keep_large_blocks_apart()
# What makes glibc change its mind.
large = bytearray(20_000_000)
del large
before, kept = resident(), []
for _ in range(3):
    blocks = []
    for _ in range(20):
        blocks.append(bytearray(2_000_000))
        kept.append(bytearray(50_000))
    del blocks
kept = kept[-1:]
print(resident() - before)
"""


def growth(how: str) -> int:
    """Return by how many bytes a process has grown that kept one small block of many."""
    run = [sys.executable, "-c", PROGRAM, how]
    return int(subprocess.run(run, capture_output=True, check=True).stdout)


@pytest.mark.subprocess
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_freed_large_blocks_leave_no_holes() -> None:
    apart = growth("apart")
    assert apart < 4_000_000
    assert apart < growth("as it is") / 4
