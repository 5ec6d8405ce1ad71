"""Caches that are bounded in bytes: of pure functions of short inputs, and of what was read last.

Clients send the same few keys, header names and file names over and over. Long inputs are never
cached: a client may send a megabyte.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from fake_apimart.common.held_bytes import held_bytes

MAX_ENTRIES = 1024
"""Results cached per function; the least recently used one is evicted first."""
MAX_INPUT_LENGTH = 256
"""Longest input whose result is cached, in bytes or characters."""

_ENTRY_BYTES = 150
"""What a cache takes for each entry, beside what the entry holds."""

Value = TypeVar("Value")
Input = TypeVar("Input", bytes, str)
Output = TypeVar("Output")


def cache_short_inputs(function: Callable[[Input], Output]) -> Callable[[Input], Output]:
    """Return `function`, which must be pure, with an LRU cache for short inputs."""
    cached = functools.lru_cache(MAX_ENTRIES)(function)

    @functools.wraps(function)
    def look_up(value: Input) -> Output:
        return cached(value) if len(value) <= MAX_INPUT_LENGTH else function(value)

    return look_up


class ByteCache(Generic[Value]):
    """The values that were used last, by texts, within a limit of `max_bytes`.

    Each value is measured when it is put in, with all that it holds, and must not change after
    that. One that is larger than the limit is not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self.bytes = 0
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Value | None:
        """Return the value under `key`, which counts as used, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: str, value: Value) -> None:
        """Keep a value, and drop those that were not used for longest to make room."""
        self.drop(key)
        size = _ENTRY_BYTES + held_bytes((key, value))
        self._entries[key] = value, size
        self.bytes += size
        while self.bytes > self._max_bytes:
            _, (_, freed) = self._entries.popitem(last=False)
            self.bytes -= freed

    def drop(self, key: str) -> None:
        """Drop the value under `key`, if there is one."""
        _, size = self._entries.pop(key, (None, 0))
        self.bytes -= size

    def clear(self) -> None:
        """Drop all values."""
        self._entries.clear()
        self.bytes = 0
