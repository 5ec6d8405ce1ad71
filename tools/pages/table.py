"""What tables of several pages have in common."""

from __future__ import annotations

from collections.abc import Iterable


def names(several: Iterable[str]) -> str:
    """Return a cell that lists names of the code."""
    return ", ".join(f"`{name}`" for name in several)
