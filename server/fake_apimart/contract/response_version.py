"""`X-APIMart-Response-Version`: the newer form of answers, for clients that ask for it (live)."""

from __future__ import annotations

from starlette.requests import Request

from fake_apimart.http.headers import header_of

HEADER = "X-APIMart-Response-Version"
VERSION = "2026-07-27"
_HEADER_NAME = HEADER.lower().encode()


def is_asked(request: Request) -> bool:
    """Whether `request` asks for the version. Any other value of the header counts as none
    (assumed).
    """
    return header_of(request.scope, _HEADER_NAME) == VERSION
