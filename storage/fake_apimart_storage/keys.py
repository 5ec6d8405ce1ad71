"""Keys of objects: what they consist of, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Callable

# Printable ASCII without space, the separator `/`, and the backslash, which some file systems treat
# as a separator too.
_SEGMENT = re.compile(r"[!-.0-\[\]-~]+")

KeyTest = Callable[[str], bool]
"""Whether a key is one of those that its caller makes."""


def any_key(key: str) -> bool:
    """Take each key for one of the caller's."""
    del key
    return True


class InvalidKey(ValueError):
    """The key is not `segment/segment/…` in printable ASCII, or has a segment `.` or `..`."""


def check_key(key: str) -> list[str]:
    """Split a key into its segments. Raises InvalidKey."""
    segments = key.split("/")
    for segment in segments:
        if segment in (".", "..") or not _SEGMENT.fullmatch(segment):
            raise InvalidKey(key)
    return segments
