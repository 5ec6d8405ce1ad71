"""File names: keys that the storage takes, paths within its folder, URLs that lead back."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes

from fake_apimart.common.randomness import Randomness
from fake_apimart.contract.file_url import key_at, new_key, url_of
from fake_apimart.go.path import base
from fake_apimart.go.url import parse
from fake_apimart.service.own_keys import is_own
from fake_apimart_storage.keys import portable_key

CREATED_NS = 1_789_727_286 * 10**9


def run(data: bytes) -> None:
    """Take the first byte for the dialect."""
    name = base(data[1:])
    assert name == b"/" or b"/" not in name
    dialect = ("page", "live")[sum(data[:1]) % 2]
    key = new_key(dialect, CREATED_NS, Randomness(), name)
    path = PurePosixPath(portable_key(key))
    assert path.parent == PurePosixPath("image")
    assert len(path.name) < 255
    assert is_own(key)
    assert is_own(str(path))
    url = url_of(key, "http://127.0.0.1:8080")
    assert url.isascii()
    assert url.isprintable()
    assert key_at(unquote_to_bytes(parse(url.encode()).path)) == key
