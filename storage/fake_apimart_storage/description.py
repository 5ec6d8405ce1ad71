"""The description of an object as it is read back, and its ETag.

What is read is checked, since a store may garble it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from fake_apimart_storage.interface import ObjectInfo
from fake_apimart_storage.keys import check_key

LATEST = 253_402_300_799
"""The last second of the year 9999, the latest that a date can be written for."""

_CONTENT_TYPE = re.compile(r"[ -~]{0,255}")


def checked(fields: Mapping[str, Any]) -> ObjectInfo:
    """Return the description that these fields of ObjectInfo state.

    Raises ValueError where one is missing, unknown, of the wrong type or out of its range.
    """
    try:
        info = ObjectInfo(**fields)
    except TypeError as error:
        raise ValueError(str(error)) from None
    if not isinstance(info.key, str) or not check_key(info.key):
        raise ValueError("its key is no text")
    if not isinstance(info.content_type, str) or not _CONTENT_TYPE.fullmatch(info.content_type):
        raise ValueError("its type is no media type")
    for time in (info.created_at, info.expires_at):
        if type(time) is not int or not 0 <= time <= LATEST:
            raise ValueError("its times are no Unix seconds")
    if not isinstance(info.metadata, dict) or not _are_texts(info.metadata):
        raise ValueError("its metadata are no texts")
    return info


def _are_texts(metadata: dict[Any, Any]) -> bool:
    return {type(each) for item in metadata.items() for each in item} <= {str}


def etag(key: str, size: int) -> str:
    """Return the quoted strong ETag, 32 hex digits, of the object of `size` bytes under `key`.

    Hashing the bytes would cost more than storing them (MD5 runs at some 600 MB/s), and a key is
    never used for two objects.
    """
    digest = hashlib.blake2b(f"{key}\n{size}".encode(), digest_size=16)
    return f'"{digest.hexdigest()}"'
