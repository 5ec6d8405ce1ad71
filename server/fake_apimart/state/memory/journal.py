"""The journal of a world: one entry per request, with its outcome, bounded in number and bytes."""

from __future__ import annotations

import itertools
from collections import deque
from itertools import takewhile

from fake_apimart.worlds.entry import MAX_ENTRIES, Entry, Includes

MAX_BYTES = 64 * 1024 * 1024
"""Estimated size of all journals of a server together."""


class Journal:
    """The latest entries of a world, newest last; `bytes` is their estimated size."""

    __slots__ = ("bytes", "entries")

    _ids = itertools.count(1)

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.bytes = 0

    def add(self, entry: Entry) -> int:
        """Append an entry and return the journal's growth in bytes."""
        before = self.bytes
        entry.id = next(self._ids)
        entry.measure()
        self.entries.append(entry)
        self.bytes += entry.bytes
        if len(self.entries) > MAX_ENTRIES:
            self.drop_oldest()
        return self.bytes - before

    def update(self, entry: Entry) -> int:
        """Measure an entry that has changed, and return the journal's growth in bytes."""
        if entry not in self.entries:
            return 0
        before = entry.bytes
        entry.measure()
        self.bytes += entry.bytes - before
        return entry.bytes - before

    def drop_oldest(self) -> int:
        """Remove the oldest entry and return the bytes freed."""
        freed = self.entries.popleft().bytes
        self.bytes -= freed
        return freed

    def clear(self) -> int:
        """Remove all entries and return the bytes freed."""
        freed, self.bytes = self.bytes, 0
        self.entries.clear()
        return freed

    def matching(self, includes: Includes, since: int) -> list[Entry]:
        """Return the entries with a greater id than `since` that are looked for, oldest first."""
        newer = takewhile(lambda entry: entry.id > since, reversed(self.entries))
        found = [entry for entry in newer if includes(entry)]
        found.reverse()
        return found
