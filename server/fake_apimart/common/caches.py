"""Caches for functions of short inputs.

Clients send the same few keys, header names and file names again and again. Long inputs are never
kept: a client may send a megabyte.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

MOST_INPUTS = 1024
"""How many of the latest inputs each function is cached for."""
LONGEST_INPUT = 256
"""The longest input that is kept, in bytes or characters."""

Input = TypeVar("Input", bytes, str)
Output = TypeVar("Output")


def cache_short_inputs(function: Callable[[Input], Output]) -> Callable[[Input], Output]:
    """Return `function`, whose result depends on its input alone, with a cache of its results."""
    cached = functools.lru_cache(MOST_INPUTS)(function)

    @functools.wraps(function)
    def look_up(given: Input) -> Output:
        return cached(given) if len(given) <= LONGEST_INPUT else function(given)

    return look_up
