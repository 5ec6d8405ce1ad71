"""LRU caches for pure functions of short inputs.

Clients send the same few keys, header names and file names over and over. Long inputs are never
cached: a client may send a megabyte.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

MAX_ENTRIES = 1024
"""Results cached per function; the least recently used one is evicted first."""
MAX_INPUT_LENGTH = 256
"""Longest input whose result is cached, in bytes or characters."""

Input = TypeVar("Input", bytes, str)
Output = TypeVar("Output")


def cache_short_inputs(function: Callable[[Input], Output]) -> Callable[[Input], Output]:
    """Return `function`, which must be pure, with an LRU cache for short inputs."""
    cached = functools.lru_cache(MAX_ENTRIES)(function)

    @functools.wraps(function)
    def look_up(value: Input) -> Output:
        return cached(value) if len(value) <= MAX_INPUT_LENGTH else function(value)

    return look_up
