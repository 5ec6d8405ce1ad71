"""`http.ReadRequest`: an incremental reader of a request's head.

A head that arrives whole and in the form that nearly all clients send takes a fast path. All others
are read line by line, so that a malformed line is refused as soon as it is there. Unlike Go, this
refuses lines that end in LF alone, which allow request smuggling.
"""

from __future__ import annotations

import re

from python_multipart.exceptions import MultipartParseError

from fake_apimart.go import url
from fake_apimart.go.textproto import MIMEHeaderReader
from fake_apimart.net_http.request import Request, RequestError, bad_request, check, first_values

MAX_HEAD_BYTES = 1024 * 1024 + 4096
"""The largest request head."""
OPENING_BYTES = 4
"""The first bytes of a request, among which line ends are passed over behind a POST."""

_NO_LIMIT = 2**63 - 1
_METHOD = re.compile(rb"[!#$%&'*+\-.0-9A-Z^_`a-z|~]+")
_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
# The fast path: a whole head without anything unusual.
_PLAIN = re.compile(
    rb"([A-Z]++) (/(?:[^\x00-\x20%?\x7f]++|%[0-9A-Fa-f]{2})*+)(?:\?([^\x00-\x20\x7f]*+))? "
    rb"HTTP/1\.([01])\r\n((?:[-0-9A-Za-z]++:[ -~\t\x80-\xff]*+\r\n)*+)\r\n"
)
_LINE_FEED_ALONE = re.compile(rb"(?<!\r)\n")
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x0c\x0e-\x1f]")
_BLANKS = b" \t"
_CRLF = b"\r\n"


class RequestReader:
    """Reads the head of one request. Once `request` is there, its body follows."""

    def __init__(self, previous: Request | None = None) -> None:
        self.request: Request | None = None
        self._skips_line_ends = previous is not None and previous.method == b"POST"
        # Behind another request, Go begins to read once so many bytes are there.
        self._opening: bytes | None = None if previous is None else b""
        self._size = 0
        self._lines: _Lines | None = None

    @property
    def has_begun(self) -> bool:
        """Whether some of the head was read, so that an input that ends here is no request."""
        return self._lines is not None and self._lines.has_begun

    def feed(self, data: bytes, position: int) -> int:
        """Read from `data` at `position` on, and return the position after what was read.

        Raises RequestError.
        """
        start = position
        if self._opening is not None:
            position = self._read_opening(self._opening, data, position)
            if self._opening is not None:
                return position
        if self._lines is None:
            plain = _PLAIN.match(data, position)
            if plain and plain.end() - start <= MAX_HEAD_BYTES:
                self.request = _plain_request(plain)
                return plain.end()
            self._lines = _Lines()
        end = self._lines.feed(data, position)
        self._size += end - start
        if self._size > MAX_HEAD_BYTES:
            raise RequestError("431 Request Header Fields Too Large")
        self.request = self._lines.request
        return end

    def _read_opening(self, held: bytes, data: bytes, position: int) -> int:
        """Wait for the first OPENING_BYTES, and pass over line ends among them behind a POST."""
        end = position + OPENING_BYTES - len(held)
        opening = held + data[position:end]
        if len(opening) < OPENING_BYTES:
            self._opening = opening
            return len(data)
        self._opening = None
        kept = opening.lstrip(_CRLF) if self._skips_line_ends else opening
        if not held:
            return end - len(kept)
        self._lines = _Lines()
        self._lines.feed(kept, 0)
        return end


class _Lines:
    """The lines of a head, as they arrive."""

    def __init__(self) -> None:
        self.request: Request | None = None
        # The last byte, if it is half of a line end.
        self._return = b""
        self._request_line = bytearray()
        self._parts: tuple[bytes, url.URL, tuple[int, int]] | None = None
        self._header = MIMEHeaderReader(_NO_LIMIT, _NO_LIMIT)

    @property
    def has_begun(self) -> bool:
        """Whether there is more than nothing."""
        return self._parts is not None or bool(self._request_line)

    def feed(self, data: bytes, position: int) -> int:
        """Read from `data`, and return the position after it. Raises RequestError."""
        start = position
        if self._parts is None:
            position = self._feed_request_line(data, position)
        if self._parts is not None:
            try:
                position = self._header.feed(data, position)
            except MultipartParseError:
                raise RequestError from None
        read = self._return + data[start:position]
        if _LINE_FEED_ALONE.search(read):
            raise RequestError
        self._return = b"\r" if read.endswith(b"\r") else b""
        if self._header.done:
            self.request = self._whole_request()
        return position

    def _feed_request_line(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position) + 1
        read = len(self._request_line)
        self._request_line += data[position : end or len(data)]
        if not end:
            if _CONTROL.search(self._request_line, read):
                # Go waits for a line end, which never comes from a client that speaks TLS.
                raise RequestError
            return len(data)
        line = bytes(self._request_line[:-1]).removesuffix(b"\r")
        self._parts = _parse_request_line(line)
        return end

    def _whole_request(self) -> Request:
        assert self._parts is not None
        method, target, version = self._parts
        entries = self._header.entries
        headers = [(name.lower(), value) for name, values in entries.items() for value in values]
        values = first_values(headers)
        request = Request(method, target.path, target.query, version, headers, values)
        check(request)
        if target.host:
            # The host of an absolute URL stands for the header.
            values[b"host"] = target.host
        if any(b" " in name for name in entries):
            raise bad_request("invalid header name")
        return request


def _plain_request(plain: re.Match[bytes]) -> Request:
    method, path, query, minor, lines = plain.groups()
    headers = []
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        headers.append((name.lower(), value.strip(_BLANKS)))
    version = (1, int(minor))
    request = Request(method, path, query or b"", version, headers, first_values(headers))
    check(request)
    return request


def _parse_request_line(line: bytes) -> tuple[bytes, url.URL, tuple[int, int]]:
    """Return method, target and version. Raises RequestError."""
    parts = line.split(b" ", 2)
    if len(parts) < 3:
        raise RequestError
    method, target, protocol = parts
    version = _VERSION.fullmatch(protocol)
    if not _METHOD.fullmatch(method) or version is None:
        raise RequestError
    if method == b"CONNECT" and not target.startswith(b"/"):
        target = b"http://" + target
    try:
        parsed = url.parse_request_uri(target)
    except url.URLError:
        raise RequestError from None
    return method, parsed, (int(version[1]), int(version[2]))
