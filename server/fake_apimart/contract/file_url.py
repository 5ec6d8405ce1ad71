"""The URL of an uploaded file and its key in the storage.

The URL is `{base}/f/image/{digits}-{hex}-{name}` (page). The digits count down with time, so that
the newest file sorts first (live). The storage key is what follows `/f/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fake_apimart.common.randomness import Randomness
from fake_apimart.contract.operations import FILE_PREFIXES
from fake_apimart.go.url import path_escape

KEY_PREFIX = "image/"
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
OWN_KEY = re.compile(rf"{KEY_PREFIX}[0-9]{{1,16}}-(?:{_UUID}|[0-9a-f]{{8}})-[^/]+")
"""The keys that `new_key` makes."""
_NANOSECONDS_PER_MILLISECOND = 1_000_000
# In a URL or a directory these names would have another meaning (assumed).
_UNUSABLE_NAMES = (b"/", b".", b"..")


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """The format of what a dialect puts before a file's name."""

    countdown_from: int
    token: Callable[[Randomness], str]


KEY_FORMATS = {
    "page": KeyFormat(9_999_999_999_999, lambda randomness: randomness.hex(8)),
    "live": KeyFormat(9_999_999_999_999_999, Randomness.uuid4),
}
"""By dialect: 13 digits and 8 hexadecimal digits (page), or 16 digits and a UUID4 (live)."""

_PAGE_DIGITS = 13


def new_key(dialect: str, created_ns: int, randomness: Randomness, filename: bytes) -> str:
    """Return a key for a new file called `filename`, created at `created_ns` Unix nanoseconds."""
    key_format = KEY_FORMATS[dialect]
    digits = key_format.countdown_from - created_ns // _NANOSECONDS_PER_MILLISECOND
    name = path_escape(b"file" if filename in _UNUSABLE_NAMES else filename)
    return f"{KEY_PREFIX}{digits}-{key_format.token(randomness)}-{name}"


def moved_key(key: str, instant_ns: int) -> str:
    """Return a key of `new_key` as if its file were created at `instant_ns` Unix nanoseconds."""
    digits, _, rest = name_of(key).partition("-")
    countdown = (
        KEY_FORMATS[_dialect_of(digits)].countdown_from - instant_ns // _NANOSECONDS_PER_MILLISECOND
    )
    return f"{KEY_PREFIX}{countdown}-{rest}"


def created_ms(key: str) -> int:
    """Return when the file under a key of `new_key` was created, in Unix milliseconds."""
    digits = name_of(key).partition("-")[0]
    return KEY_FORMATS[_dialect_of(digits)].countdown_from - int(digits)


def _dialect_of(digits: str) -> str:
    return "live" if len(digits) > _PAGE_DIGITS else "page"


def url_of(key: str, base: str) -> str:
    """Return the URL of the file under `key`, below the base URL `base`."""
    return base + path_of(key)


def path_of(key: str) -> str:
    """Return the path of the URL of the file under `key`."""
    return f"/f/{key}"


def name_of(key: str) -> str:
    """Return the last segment of the URL of the file under `key`."""
    return key.removeprefix(KEY_PREFIX)


def key_of(name: str) -> str:
    """Return the key of the file whose URL ends in `name`, as `name_of` returned it."""
    return f"{KEY_PREFIX}{name}"


def key_at(path: bytes) -> str:
    """Return the storage key for the path of a file URL, given without percent escapes.

    Raises ValueError for any other path.
    """
    for prefix in FILE_PREFIXES:
        if path.startswith(prefix.encode()):
            return KEY_PREFIX + path_escape(path[len(prefix) :])
    raise ValueError(f"no file: {path!r}")
