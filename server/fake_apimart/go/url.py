"""`net/url`: escaping of a path segment, and the errors of a query string."""

from __future__ import annotations

import re
from urllib.parse import quote as percent_encode

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.go import strconv

_SAFE = "$&+:=@"
"""What `url.PathEscape` keeps beside the unreserved characters, which `percent_encode` keeps."""
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)


@cache_short_inputs
def path_escape(segment: bytes) -> str:
    """Percent-encode a path segment as `url.PathEscape` does."""
    return percent_encode(segment, safe=_SAFE)


def query_error(query: bytes) -> str | None:
    """Return the error text of `url.ParseQuery`, or None if the query string is valid.

    An error does not end the parsing: a semicolon in any pair is reported, else the first bad
    escape.
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
