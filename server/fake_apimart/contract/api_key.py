"""The API key of a request (page), parsed in one place for authentication and for redaction."""

from __future__ import annotations

from collections.abc import Mapping

HEADER = "authorization"
REDACTED = "***"
_SCHEME = "bearer"


def _split(authorization: str) -> tuple[str, str]:
    """Return the scheme and the key as they were sent."""
    scheme, _, key = authorization.partition(" ")
    return scheme, key.strip()


def bearer_key(authorization: str) -> str:
    """Return the key in the header value `Bearer <key>`, or an empty string without one.

    The scheme is case-insensitive (assumed).
    """
    scheme, key = _split(authorization)
    return key if scheme.lower() == _SCHEME else ""


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers, whose names are lower case, with the key or what is in its place redacted."""
    result = dict(headers)
    authorization = result.get(HEADER)
    if authorization is not None:
        scheme, key = _split(authorization)
        has_key = key and bearer_key(authorization) == key
        result[HEADER] = f"{scheme} {REDACTED}" if has_key else REDACTED
    return result
