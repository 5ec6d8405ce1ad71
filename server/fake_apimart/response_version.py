"""`X-APIMart-Response-Version`: the newer form of answers, for clients that ask for it (live)."""

from __future__ import annotations

from starlette.requests import Request

HEADER = "X-APIMart-Response-Version"
VERSION = "2026-07-27"
SCOPE_KEY = "fake_apimart.versioned"


def note(request: Request) -> bool:
    """Whether `request` asks for the version; from here on its refusals take that form too.

    Any other value of the header counts as none (assumed).
    """
    versioned = request.headers.get(HEADER) == VERSION
    request.scope[SCOPE_KEY] = versioned
    return versioned
