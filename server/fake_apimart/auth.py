"""Who may call: `Authorization: Bearer <key>` (page)."""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import Request

from fake_apimart import errors

_SCHEME = "bearer"


def key_of(request: Request, api_keys: Collection[str]) -> str:
    """The API key that a request was sent with: one of `api_keys`, or any where there are none.

    Raises `invalid_api_key`, whatever is wrong with it (live).
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != _SCHEME or not key or (api_keys and key not in api_keys):
        raise errors.invalid_api_key()
    return key
