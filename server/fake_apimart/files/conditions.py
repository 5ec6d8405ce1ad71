"""Conditions of a request for a file (RFC 9110, section 13), judged as Go's `http.ServeContent`.

The order is If-Match, or else If-Unmodified-Since; then If-None-Match, or else If-Modified-Since;
then If-Range. An empty header counts as none, and a date that is none is passed over (go).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fake_apimart.contract import errors
from fake_apimart.files.dates import parse_date
from fake_apimart.gateway.exchange import Exchange

_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_ANY = "*"
_BETWEEN = " \t,"
_WEAK = "W/"


_HEADERS = (
    b"range",
    b"if-match",
    b"if-none-match",
    b"if-modified-since",
    b"if-unmodified-since",
)


def is_conditional(exchange: Exchange) -> bool:
    """Return whether a request has any header by which its answer may not be the whole file."""
    return any(exchange.header(name) for name in _HEADERS)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of one request, on a file with this ETag and time of change (Unix seconds)."""

    exchange: Exchange
    etag: str
    modified: int

    def is_not_modified(self) -> bool:
        """Return whether the client has the file already. Raises `precondition_failed`."""
        if not self._may_go_on():
            raise errors.precondition_failed()
        known = self._header(b"if-none-match")
        if known:
            return self._is_among(known, weak=True)
        since = parse_date(self._header(b"if-modified-since"))
        return since is not None and self.modified <= since

    def _may_go_on(self) -> bool:
        wanted = self._header(b"if-match")
        if wanted:
            return self._is_among(wanted, weak=False)
        since = parse_date(self._header(b"if-unmodified-since"))
        return since is None or self.modified <= since

    def range_header(self) -> str:
        """Return the `Range` that is to be looked at; empty if there is none."""
        wanted, of = self._header(b"range"), self._header(b"if-range")
        if not wanted or not of:
            return wanted
        etag = _ETAG.match(of)
        is_same = etag[0] == self.etag if etag else parse_date(of) == self.modified
        return wanted if is_same else ""

    def _header(self, name: bytes) -> str:
        return self.exchange.header(name) or ""

    def _is_among(self, etags: str, *, weak: bool) -> bool:
        """Return whether a list of ETags, as far as it is one, has the file's own, or is `*`."""
        position = 0
        while position < len(etags):
            if etags[position] in _BETWEEN:
                position += 1
                continue
            if etags[position] == _ANY:
                return True
            etag = _ETAG.match(etags, position)
            if etag is None:
                return False
            if etag[0].removeprefix(_WEAK if weak else "") == self.etag:
                return True
            position = etag.end()
        return False
