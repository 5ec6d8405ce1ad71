"""Who may call: `Authorization: Bearer <key>` (page)."""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import Request

from fake_apimart import errors
from fake_apimart.rate_limit import RateLimit

_SCHEME = "bearer"


class Admission:
    """Lets requests in: by their key, and where they make something, as often as the rate allows.

    Any key is good where `api_keys` has none.
    """

    def __init__(self, api_keys: Collection[str], rate_limit: RateLimit | None) -> None:
        self._api_keys = api_keys
        self._rate_limit = rate_limit

    def key_of(self, request: Request) -> str:
        """The API key that a request was sent with.

        Raises `invalid_api_key`, whatever is wrong with it (live).
        """
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != _SCHEME or not key or (self._api_keys and key not in self._api_keys):
            raise errors.invalid_api_key()
        return key

    def admit(self, request: Request) -> str:
        """The same for a request that counts. Raises `invalid_api_key`, `rate_limited`."""
        key = self.key_of(request)
        if self._rate_limit is not None:
            self._rate_limit.take(key)
        return key
