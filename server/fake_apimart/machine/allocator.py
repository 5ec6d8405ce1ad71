"""The allocator of the C library, where it lets itself be told how to work."""

from __future__ import annotations

import ctypes
import sys

LARGE_BLOCK_BYTES = 1024 * 1024
_M_MMAP_THRESHOLD = -3
"""Of mallopt(3)."""


def keep_large_blocks_apart() -> None:
    """Let each large block of memory go back to the system once it is freed (glibc alone).

    By itself glibc stops doing so once the first large block has been freed: later ones lie
    between small ones, and the holes that they leave fit nothing larger. A server that kept
    uploads in memory grew by a tenth in ten minutes, and took twice as much.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
