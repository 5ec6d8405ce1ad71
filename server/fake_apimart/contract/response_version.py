"""`X-APIMart-Response-Version`: the newer form of answers, for clients that ask for it (live)."""

from __future__ import annotations

from fake_apimart.http.request_head import Headers, text_of

HEADER = "X-APIMart-Response-Version"
VERSION = "2026-07-27"
_HEADER_NAME = HEADER.lower().encode()


def is_asked_in(headers: Headers) -> bool:
    """Return whether a request asks for the version; any other value counts as none (assumed)."""
    return text_of(headers, _HEADER_NAME) == VERSION
