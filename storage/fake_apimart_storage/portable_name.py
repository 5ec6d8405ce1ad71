"""Names that every file system and every store takes, for names that some would refuse."""

from __future__ import annotations

import hashlib
import re

from fake_apimart_storage.interface import check_key

# Within the 255 bytes that file systems allow; MinIO keeps objects in one.
_NAME = r"[A-Za-z0-9_~$&+=@%-][A-Za-z0-9._~$&+=@%-]{0,198}(?<!\.)"
_PORTABLE = re.compile(_NAME)
_PORTABLE_KEY = re.compile(f"{_NAME}(?:/{_NAME})*")
_UNPORTABLE = re.compile(r"[^A-Za-z0-9._~$&+=@%-]")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")


def portable_key(key: str) -> str:
    """`key` with a portable name for each of its segments. Raises InvalidKey."""
    if _PORTABLE_KEY.fullmatch(key):
        return key
    return "/".join(map(portable_name, check_key(key)))


def portable_name(segment: str) -> str:
    """`segment` itself where it is taken everywhere.

    Otherwise its beginning and its suffix, with a hash of the whole between the two. What this
    gives back is taken everywhere, so that doing it twice changes nothing more.
    """
    if _PORTABLE.fullmatch(segment):
        return segment
    digest = hashlib.blake2b(segment.encode(), digest_size=16).hexdigest()
    suffix = _SUFFIX.search(segment)
    beginning = _UNPORTABLE.sub("_", segment[:100]).lstrip(".")
    return f"{beginning}~{digest}{suffix[0] if suffix else ''}"
