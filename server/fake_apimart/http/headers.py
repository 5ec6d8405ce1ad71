"""The headers of a request, by name."""

from __future__ import annotations

from starlette.types import Scope

_SCOPE_KEY = "fake_apimart.http.headers"


def head_of(scope: Scope) -> dict[bytes, bytes]:
    """The values of all headers, by name in lower case.

    Of one that comes again the first counts, as in Go.
    """
    values: dict[bytes, bytes] | None = scope.get(_SCOPE_KEY)
    if values is None:
        # Once for each request: Starlette looks through all of them each time.
        values = scope[_SCOPE_KEY] = dict(reversed(scope["headers"]))
    return values


def header_of(scope: Scope, name: bytes) -> str | None:
    """The value of the header `name`, in lower case; None where the request has none."""
    value = head_of(scope).get(name)
    return None if value is None else value.decode("latin-1")
