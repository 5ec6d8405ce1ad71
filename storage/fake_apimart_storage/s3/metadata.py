"""An object's description as S3 metadata, percent-encoded since stores mangle other characters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

from fake_apimart_storage.description import checked
from fake_apimart_storage.interface import DamagedObject, ObjectInfo

MAX_BYTES = 1024
"""Limit for names and values together; S3 itself allows twice that, some stores less."""

_CREATED_AT = "created-at"
_EXPIRES_AT = "expires-at"
_OWN_PREFIX = "own-"
"""Prefix of the names of the caller's metadata."""
_CUT_ESCAPE = re.compile(r"%[0-9A-F]?\Z")


def to_metadata(info: ObjectInfo) -> dict[str, str]:
    """Return the S3 metadata of an object; if it is too long, the longest values are truncated."""
    stored = {_CREATED_AT: str(info.created_at), _EXPIRES_AT: str(info.expires_at)}
    left = MAX_BYTES - sum(len(name) + len(value) for name, value in stored.items())
    encoded = {
        _OWN_PREFIX + name: quote(value, safe="", errors="surrogateescape")
        for name, value in info.metadata.items()
    }
    left -= sum(map(len, encoded))
    for name, value in sorted(encoded.items(), key=lambda item: len(item[1])):
        stored[name] = _truncate(value, max(0, left))
        left -= len(stored[name])
    return stored


def _truncate(value: str, length: int) -> str:
    """Truncate a percent-encoded text to `length` characters without splitting a character."""
    if len(value) <= length:
        return value
    raw = unquote_to_bytes(_CUT_ESCAPE.sub("", value[:length]))
    return quote(raw.decode("utf-8", "ignore"), safe="")


def from_metadata(key: str, content_type: str, stored: Mapping[str, str]) -> ObjectInfo:
    """Return the description that `to_metadata` stored. Raises DamagedObject where there is none.

    Such an object is damaged, or another program's.
    """
    # Some stores change the case of the names.
    fields = {name.lower(): value for name, value in stored.items()}
    try:
        return checked(
            {
                "key": key,
                "content_type": content_type,
                "created_at": int(fields[_CREATED_AT]),
                "expires_at": int(fields[_EXPIRES_AT]),
                "metadata": _own_of(fields),
            }
        )
    except (KeyError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DamagedObject(f"none of this server's objects: {reason}") from None


def _own_of(fields: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(_OWN_PREFIX): unquote_to_bytes(value).decode("utf-8", "surrogateescape")
        for name, value in fields.items()
        if name.startswith(_OWN_PREFIX)
    }
