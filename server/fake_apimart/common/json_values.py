"""How many values a JSON text holds, counted before anything is made of them.

Reading five million values stops all else for seconds, in whatever thread: the parser never lets
another run. Counting costs little more than looking for quotes.
"""

from __future__ import annotations

import re

MAX_VALUES = 100_000
"""How many values a text may hold that is read: text, numbers, arrays, objects and so on."""

# Text, closed or cut; the beginning of an array or object, an empty one, or one that is cut; or
# what stands before each further value.
_TOKEN = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|(?P<cut_text>\\?)\Z)'
    rb"|(?P<bracket>[\[{])[ \t\r\n]*+(?:(?P<empty>[\]}])|(?P<cut>\Z))?+"
    rb"|,",
    re.DOTALL,
)
_QUOTE = ord('"')
_TEXTS_PER_VALUE = 2
"""A field is two texts: its name, and maybe its value."""


class ValueCounter:
    """Counts the values of a text that arrives in pieces, at most up to its limit.

    The count is never too low for JSON. What is no JSON may be said to exceed the limit before its
    fault comes, since it could otherwise have texts without end.
    """

    def __init__(self, limit: int = MAX_VALUES) -> None:
        self._left = limit - 1
        self._texts_left = _TEXTS_PER_VALUE * limit
        self._open = b""

    @property
    def is_exceeded(self) -> bool:
        """Whether there were more values than the limit allows."""
        return self._left < 0 or self._texts_left < 0

    def feed(self, piece: bytes) -> None:
        """Count in the next piece; stop where the limit is exceeded."""
        data = self._open + piece
        self._open = b""
        for token in _TOKEN.finditer(data):
            kind = token.lastgroup
            if kind is None and data[token.start()] == _QUOTE:
                self._texts_left -= 1
            elif kind is None or kind == "bracket":
                self._left -= 1
            elif kind == "cut_text":
                self._open = b'"' + token["cut_text"]
            elif kind == "cut":
                self._open = token["bracket"]
            if self.is_exceeded:
                return


def has_too_many_values(data: bytes, limit: int = MAX_VALUES) -> bool:
    """Return whether a whole text holds more values than the limit allows."""
    if len(data) <= limit:
        # Each value takes a byte at least.
        return False
    counter = ValueCounter(limit)
    counter.feed(data)
    return counter.is_exceeded
