"""What no log and no journal may show in a query: API keys, and passwords in URLs."""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

from fake_apimart.common.addresses import without_passwords

REDACTED = "***"
MAX_PARAMETERS = 1000
"""How many parameters of a query are shown."""
_KEY = b"key"
_KEPT = "/:=?*+,;"
"""What stays legible of a parameter that is written anew, beside letters and digits."""


def redacted_query(query: bytes) -> bytes:
    """Return a query without the value of each parameter `key`, and without passwords in URLs.

    It does not matter how these are escaped. Of a query with more than MAX_PARAMETERS nothing is
    shown, since looking at each would take long.
    """
    if query.count(b"&") >= MAX_PARAMETERS:
        return REDACTED.encode()
    return b"&".join(map(_redacted_pair, query.split(b"&")))


def _redacted_pair(pair: bytes) -> bytes:
    name, equals, _ = pair.partition(b"=")
    if equals and unquote_to_bytes(name).lower() == _KEY:
        return b"%b=%b" % (name, REDACTED.encode())
    text = unquote_to_bytes(pair).decode("utf-8", "surrogateescape")
    shown = without_passwords(text)
    return pair if shown == text else quote(shown, _KEPT, errors="surrogateescape").encode()
