"""URLs of requests and webhooks: parsed as Go does, or the one error."""

from __future__ import annotations

import contextlib
import re

import httpx
from fake_apimart.go.url import URLError, parse, parse_query
from fake_apimart.tasks.callbacks import callback_url


def run(data: bytes) -> None:
    for name, value in parse_query(data):
        assert len(name) + len(value) <= len(data)
    with contextlib.suppress(URLError):
        assert b"://" not in parse(data).scheme
    with contextlib.suppress(UnicodeDecodeError, URLError):
        url = callback_url(data.decode())
        assert url.startswith(("http://", "https://"))
        assert "/callback" in url
        # Nothing that would end the request line.
        assert not re.search(rb"[^!-~]", httpx.URL(url).raw_path)
