"""An object's description as S3 metadata, percent-encoded since stores mangle other characters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

from fake_apimart_storage.interface import ObjectInfo, StorageError

MAX_BYTES = 1024
"""Limit for names and values together; S3 itself allows twice that, some stores less."""

_CREATED_AT = "created-at"
_EXPIRES_AT = "expires-at"
_OWN_PREFIX = "own-"
"""Prefix of the names of the caller's metadata."""
_CUT_ESCAPE = re.compile(r"%[0-9A-F]?\Z")


class ForeignObject(StorageError):
    """The object lacks our description, so another program must have stored it."""


def to_metadata(info: ObjectInfo) -> dict[str, str]:
    """Return the S3 metadata of an object; if it is too long, the longest values are truncated."""
    stored = {_CREATED_AT: str(info.created_at), _EXPIRES_AT: str(info.expires_at)}
    left = MAX_BYTES - sum(len(name) + len(value) for name, value in stored.items())
    encoded = {
        _OWN_PREFIX + name: quote(value, safe="", errors="surrogateescape")
        for name, value in info.metadata.items()
    }
    for name, value in sorted(encoded.items(), key=lambda item: len(item[1])):
        left -= len(name)
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
    """Return the description that `to_metadata` stored. Raises ForeignObject."""
    # Some stores change the case of the names.
    fields = {name.lower(): value for name, value in stored.items()}
    try:
        times = int(fields[_CREATED_AT]), int(fields[_EXPIRES_AT])
    except (KeyError, ValueError):
        raise ForeignObject(f"{key} is none of this server's objects: it has no times") from None
    own = {
        name.removeprefix(_OWN_PREFIX): unquote_to_bytes(value).decode("utf-8", "surrogateescape")
        for name, value in fields.items()
        if name.startswith(_OWN_PREFIX)
    }
    return ObjectInfo(key, content_type, *times, own)
