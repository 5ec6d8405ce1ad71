"""Keys of objects: what they consist of, whose they are, and names for them.

A name is valid on every file system and store, which a key need not be.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

# Printable ASCII without space, the separator `/`, and the backslash, which some file systems treat
# as a separator too.
_SEGMENT = re.compile(r"[!-.0-\[\]-~]+")
# Within the 255 bytes of a name on common file systems, which MinIO uses too.
_NAME = r"[A-Za-z0-9_~$&+=@%-][A-Za-z0-9._~$&+=@%-]{0,198}(?<!\.)"
_PORTABLE = re.compile(_NAME)
_PORTABLE_KEY = re.compile(f"{_NAME}(?:/{_NAME})*")
_UNPORTABLE = re.compile(r"[^A-Za-z0-9._~$&+=@%-]")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")

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


def portable_key(key: str) -> str:
    """Return `key` with each segment replaced by its portable name. Raises InvalidKey."""
    if _PORTABLE_KEY.fullmatch(key):
        return key
    return "/".join(map(portable_name, check_key(key)))


def is_portable(key: str) -> bool:
    """Return whether a key is what objects are stored under: no other program's `My file.pdf`."""
    return _PORTABLE_KEY.fullmatch(key) is not None


def portable_name(segment: str) -> str:
    """Return `segment` if it is portable, else its beginning, a hash of it, and its suffix.

    Idempotent: the result is portable.
    """
    if _PORTABLE.fullmatch(segment):
        return segment
    digest = hashlib.blake2b(segment.encode(), digest_size=16).hexdigest()
    suffix = _SUFFIX.search(segment)
    beginning = _UNPORTABLE.sub("_", segment[:100]).lstrip(".")
    return f"{beginning}~{digest}{suffix[0] if suffix else ''}"
