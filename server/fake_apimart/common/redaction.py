"""What no log and no journal may show in a query: API keys, and passwords in URLs."""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

from fake_apimart.common.addresses import without_passwords

REDACTED = "***"
_KEY = b"key"
_KEPT = "/:=?*+,;"
"""What stays legible of a parameter that is written anew, beside letters and digits."""


def redacted_query(query: bytes) -> bytes:
    """Return a query without the value of each parameter `key`, and without passwords in URLs.

    It does not matter how these are escaped.
    """
    return b"&".join(map(_redacted_pair, query.split(b"&")))


def _redacted_pair(pair: bytes) -> bytes:
    name, equals, _ = pair.partition(b"=")
    if equals and unquote_to_bytes(name).lower() == _KEY:
        return b"%b=%b" % (name, REDACTED.encode())
    text = unquote_to_bytes(pair).decode("utf-8", "surrogateescape")
    shown = without_passwords(text)
    return pair if shown == text else quote(shown, _KEPT, errors="surrogateescape").encode()
