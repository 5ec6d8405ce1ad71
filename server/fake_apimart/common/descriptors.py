"""File descriptors: the limit of this process, and how many connections it leaves room for."""

from __future__ import annotations

import contextlib
import sys

if sys.platform != "win32":
    import resource

SANE_LIMIT = 65_536
"""The most that is asked for: some systems allow a thousand million, and tables grow with it."""

RESERVED = 64
"""Descriptors for all that is neither a connection nor the file that it moves."""


def raise_limit() -> None:
    """Raise the limit of open files as far as this process may, up to SANE_LIMIT."""
    if sys.platform == "win32":
        # It has no such limit.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = SANE_LIMIT if hard == resource.RLIM_INFINITY else min(hard, SANE_LIMIT)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS refuses what is above a limit of its kernel.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int | None:
    """Return how many connections may be open, so that each can open a file too; None for any."""
    if sys.platform == "win32":
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    return max(1, (soft - min(RESERVED, soft // 2)) // 2)
