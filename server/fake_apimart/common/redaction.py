"""What no log and no journal may show: API keys, in the query of a URL too."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

REDACTED = "***"
_KEY = b"key"


def redacted_query(query: bytes) -> bytes:
    """Return a query with the value of each parameter `key` redacted, however that is written."""
    if b"=" not in query:
        return query
    return b"&".join(map(_redacted_pair, query.split(b"&")))


def _redacted_pair(pair: bytes) -> bytes:
    name, equals, _ = pair.partition(b"=")
    is_key = equals and unquote_to_bytes(name).lower() == _KEY
    return b"%b=%b" % (name, REDACTED.encode()) if is_key else pair
