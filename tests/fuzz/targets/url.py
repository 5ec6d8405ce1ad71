"""URLs of requests and webhooks: parsed as Go does, or the one error."""

from __future__ import annotations

import contextlib

import h11
from fake_apimart.callbacks.target import target_of
from fake_apimart.go.url import URLError, parse, parse_query


def run(data: bytes) -> None:
    for name, value in parse_query(data):
        assert len(name) + len(value) <= len(data)
    with contextlib.suppress(URLError):
        assert b"://" not in parse(data).scheme
    with contextlib.suppress(UnicodeDecodeError, URLError):
        target = target_of(data.decode())
        assert target.path.endswith("/callback")
        assert target.shown.isascii()
        assert target.shown.isprintable()
        # Raises an error where anything would end the request line or the header.
        h11.Request(
            method="POST", target=target.request_target, headers=[("Host", target.authority)]
        )
