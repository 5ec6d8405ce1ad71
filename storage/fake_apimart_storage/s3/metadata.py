"""An object's description as S3's metadata: percent-encoded ASCII, since stores mangle the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

from fake_apimart_storage.interface import ObjectInfo, StorageError

MAX_BYTES = 1024
"""Names and values together; S3 itself allows twice that, some stores less."""

_CREATED_AT = "created-at"
_EXPIRES_AT = "expires-at"
_OWN = "own-"
_CUT_ESCAPE = re.compile(r"%[0-9A-F]?\Z")


class ForeignObject(StorageError):
    """Somebody else put this object here: it lacks our description."""


def to_metadata(info: ObjectInfo) -> dict[str, str]:
    """What to store beside the bytes. The longest values are cut where all would be too long."""
    stored = {_CREATED_AT: str(info.created_at), _EXPIRES_AT: str(info.expires_at)}
    left = MAX_BYTES - sum(len(name) + len(value) for name, value in stored.items())
    encoded = {
        _OWN + name: quote(value, safe="", errors="surrogateescape")
        for name, value in info.metadata.items()
    }
    for name, value in sorted(encoded.items(), key=lambda item: len(item[1])):
        left -= len(name)
        stored[name] = _cut(value, max(0, left))
        left -= len(stored[name])
    return stored


def _cut(value: str, length: int) -> str:
    """The beginning of a percent-encoded text, within whole characters."""
    if len(value) <= length:
        return value
    raw = unquote_to_bytes(_CUT_ESCAPE.sub("", value[:length]))
    return quote(raw.decode("utf-8", "ignore"), safe="")


def from_metadata(key: str, content_type: str, stored: Mapping[str, str]) -> ObjectInfo:
    """The description again. Raises ForeignObject."""
    # Some stores give the names back in other cases than they were sent in.
    fields = {name.lower(): value for name, value in stored.items()}
    try:
        times = int(fields[_CREATED_AT]), int(fields[_EXPIRES_AT])
    except (KeyError, ValueError):
        raise ForeignObject(f"{key} is none of this server's objects: it has no times") from None
    own = {
        name.removeprefix(_OWN): unquote_to_bytes(value).decode("utf-8", "surrogateescape")
        for name, value in fields.items()
        if name.startswith(_OWN)
    }
    return ObjectInfo(key, content_type, *times, own)
