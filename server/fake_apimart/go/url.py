"""`net/url`: escaping a path segment, and what is wrong with a query string."""

from __future__ import annotations

import re
from urllib.parse import quote as percent_encode

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.go import strconv

# url.PathEscape keeps the unreserved characters, which `percent_encode` knows itself, and these.
_KEPT = "$&+:=@"
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)


@cache_short_inputs
def path_escape(segment: bytes) -> str:
    """`url.PathEscape`: a segment percent-encoded for a URL path."""
    return percent_encode(segment, safe=_KEPT)


def query_error(query: bytes) -> str | None:
    """The error text of `url.ParseQuery`, or None where the query string is good.

    Pairs are read to the end whatever is wrong with one of them: a semicolon is reported wherever
    it stands, of bad escapes the first.
    """
    if not query:
        return None
    error = None
    for pair in query.split(b"&"):
        if b";" in pair:
            error = "invalid semicolon separator in query"
        elif error is None:
            error = next(filter(None, map(_escape_error, pair.split(b"=", 1))), None)
    return error


def _escape_error(text: bytes) -> str | None:
    bad = _BAD_ESCAPE.search(text)
    return f"invalid URL escape {strconv.quote(bad[0])}" if bad else None
