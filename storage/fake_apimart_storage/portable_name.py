"""File names that are valid on every file system and store, for keys that are not."""

from __future__ import annotations

import hashlib
import re

from fake_apimart_storage.keys import check_key

# Within the 255 bytes of a name on common file systems, which MinIO uses too.
_NAME = r"[A-Za-z0-9_~$&+=@%-][A-Za-z0-9._~$&+=@%-]{0,198}(?<!\.)"
_PORTABLE = re.compile(_NAME)
_PORTABLE_KEY = re.compile(f"{_NAME}(?:/{_NAME})*")
_UNPORTABLE = re.compile(r"[^A-Za-z0-9._~$&+=@%-]")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")


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
