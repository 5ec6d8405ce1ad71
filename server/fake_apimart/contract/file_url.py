"""The URL of an uploaded file, and the key under which the storage holds it.

`{base}/f/image/{digits}-{hex}-{name}` (page). The digits count down as time goes on, so that the
newest file sorts first (live). The storage key is what follows `/f/`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from fake_apimart.common.randomness import Randomness
from fake_apimart.contract.operations import FILE_PREFIXES
from fake_apimart.go.url import path_escape

KEY_PREFIX = "image/"
_NANOSECONDS_PER_MILLISECOND = 1_000_000
# Names that a URL or a folder would take for something else (assumed).
_UNUSABLE_NAMES = (b"/", b".", b"..")


@dataclass(frozen=True, slots=True)
class Form:
    """How a dialect forms what stands before a file's name."""

    countdown_from: int
    token: Callable[[Randomness], str]


FORMS = {
    "page": Form(9_999_999_999_999, lambda randomness: randomness.hex(8)),
    "live": Form(9_999_999_999_999_999, Randomness.uuid4),
}
"""By dialect: 13 digits and 8 hexadecimal ones (page), or 16 digits and a UUID4 (live)."""


def new_key(dialect: str, created_ns: int, randomness: Randomness, filename: bytes) -> str:
    """A key for a new file called `filename`, uploaded `created_ns` ns after the Unix epoch."""
    form = FORMS[dialect]
    digits = form.countdown_from - created_ns // _NANOSECONDS_PER_MILLISECOND
    name = path_escape(b"file" if filename in _UNUSABLE_NAMES else filename)
    return f"{KEY_PREFIX}{digits}-{form.token(randomness)}-{name}"


def url_of(key: str, base: str) -> str:
    """The URL of the file under `key`, at the base URL `base`."""
    return f"{base}/f/{key}"


def key_at(raw_path: bytes) -> str:
    """The key that a file URL's path leads to, however the client wrote its escapes."""
    for prefix in FILE_PREFIXES:
        if raw_path.startswith(prefix.encode()):
            return KEY_PREFIX + path_escape(unquote_to_bytes(raw_path[len(prefix) :]))
    raise ValueError(f"no file: {raw_path!r}")
