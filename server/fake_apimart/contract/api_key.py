"""The API key in a request's head (page); one reading of it for who accepts it and who hides it."""

from __future__ import annotations

from collections.abc import Mapping

HEADER = "authorization"
HIDDEN = "***"
_SCHEME = "bearer"


def _parts(authorization: str) -> tuple[str, str]:
    """Scheme and key as they were sent."""
    scheme, _, key = authorization.partition(" ")
    return scheme, key.strip()


def bearer_key(authorization: str) -> str:
    """The key in an `Authorization: Bearer <key>`; empty where there is none.

    The scheme's name is good in any case (assumed).
    """
    scheme, key = _parts(authorization)
    return key if scheme.lower() == _SCHEME else ""


def redacted(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by lower-case name, without the key or whatever stands in its place."""
    shown = dict(headers)
    if HEADER in shown:
        scheme, key = _parts(shown[HEADER])
        shown[HEADER] = f"{scheme} {HIDDEN}" if key and bearer_key(shown[HEADER]) == key else HIDDEN
    return shown
