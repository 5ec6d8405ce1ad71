"""The API key of a request (page), read in one place."""

from __future__ import annotations

from collections.abc import Collection

HEADER = "authorization"
QUERY = "key"
"""The parameter of a query that stands in for a missing header (base)."""
_QUERY_PATHS = "/v1/models/"
_PREFIX = "Bearer "


def is_read_in_query(path: str) -> bool:
    """Return whether the query's QUERY stands in for a missing header at `path` (base)."""
    return path.startswith(_QUERY_PATHS)


def key_of(authorization: str) -> str:
    """Return the key in a header's value (base): what is behind `Bearer `, or else all of it.

    Empty without a key.
    """
    # A parser has taken the blank off the end of `Bearer `.
    return "" if authorization == _PREFIX.strip() else authorization.removeprefix(_PREFIX)


def may_be_good(key: str, listed: Collection[str]) -> bool:
    """Return whether `key` has the form of a key, or is among the `listed` ones (assumed).

    What holds a blank, such as the credentials of another scheme, has not.
    """
    return key in listed or (key != "" and not {" ", "\t"}.intersection(key))
