"""`http.ReadRequest`: an incremental reader of a request's head, and what `http.Server` checks.

A head that arrives whole and in the form that nearly all clients send takes a fast path. All others
are read line by line, so that a malformed line is refused as soon as it is there. Unlike Go, this
refuses what allows request smuggling: lines that end in LF alone, and Content-Length beside
Transfer-Encoding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from python_multipart.exceptions import MultipartParseError

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.go import url
from fake_apimart.go.textproto import MIMEHeaderReader

BAD_REQUEST = "400 Bad Request"
MAX_HEAD_BYTES = 1024 * 1024 + 4096
"""The largest request head."""
OPENING_BYTES = 4
"""The first bytes of a request, among which line ends are passed over behind a POST."""

_MAX_CONTENT_LENGTH = 2**63 - 1
_MAX_LENGTH_DIGITS = len(str(_MAX_CONTENT_LENGTH))
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
_HOST = re.compile(rb"[A-Za-z0-9!$%&'()*+,\-.:;=\[\]_~]*")
_BLANKS = b" \t"
_CRLF = b"\r\n"
_SEPARATORS = re.compile(rb"[ ,\t]")
_NOT_IN_TRAILERS = (b"transfer-encoding", b"trailer", b"content-length")

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, with values."""


class RequestError(Exception):
    """What has arrived is no request: it is answered with `status` and `text`, and nothing else."""

    def __init__(self, status: str = BAD_REQUEST, text: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.text = text or status


@dataclass(slots=True)
class Request:
    """A request's head.

    `path` is as it was sent, as are the values of `headers`; `values` has the first value of each
    header. `content_length` is in bytes, None where the body `is_chunked`.
    """

    method: bytes
    path: bytes
    query: bytes
    version: tuple[int, int]
    headers: Headers
    values: dict[bytes, bytes]
    content_length: int | None = 0
    closes: bool = False
    """Whether the client wants the connection to end with the answer."""

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.content_length is None

    @property
    def is_http_1_0(self) -> bool:
        """Whether the client knows neither chunks nor, by default, persistent connections."""
        return self.version == (1, 0)

    @property
    def expects_continue(self) -> bool:
        """Whether the client sends its body only after a `100 Continue`."""
        return self._asks_for_continue and self.content_length != 0 and self.version >= (1, 1)

    @property
    def expects_unknown(self) -> bool:
        """Whether the client expects something else, which no server can meet."""
        return bool(self.values.get(b"expect")) and not self._asks_for_continue

    @property
    def _asks_for_continue(self) -> bool:
        return b"100-continue" in _words(self.values.get(b"expect", b""))


def first_values(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the value of each header by its name; of repeated ones the first."""
    return dict(reversed(list(headers)))


class RequestReader:
    """Reads the head of one request. Once `request` is there, its body follows."""

    def __init__(self, previous: Request | None = None) -> None:
        self.request: Request | None = None
        self._skips_line_ends = previous is not None and previous.method == b"POST"
        # Behind another request, Go begins to read once so many bytes are there.
        self._opening: bytes | None = None if previous is None else b""
        self._size = 0
        self._lines: _Lines | None = None

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
        self._last_byte = b""
        self._request_line = bytearray()
        self._parts: tuple[bytes, url.URL, tuple[int, int]] | None = None
        self._header = MIMEHeaderReader(_NO_LIMIT, _NO_LIMIT)

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
        read = self._last_byte + data[start:position]
        if _LINE_FEED_ALONE.search(read):
            raise RequestError
        self._last_byte = read[-1:]
        if self._header.done:
            self.request = self._whole_request()
        return position

    def _feed_request_line(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position) + 1
        self._request_line += data[position : end or len(data)]
        if not end:
            if _CONTROL.search(self._request_line):
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
        _check(request)
        if target.host:
            # The host of an absolute URL stands for the header.
            values[b"host"] = target.host
        if any(b" " in name for name in entries):
            raise _bad_request("invalid header name")
        return request


def _plain_request(plain: re.Match[bytes]) -> Request:
    method, path, query, minor, lines = plain.groups()
    headers = []
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        headers.append((name.lower(), value.strip(_BLANKS)))
    version = (1, int(minor))
    request = Request(method, path, query or b"", version, headers, first_values(headers))
    _check(request)
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


def _check(request: Request) -> None:
    """Settle the body's length and the connection's end. Raises RequestError."""
    values = request.values
    if len(_all(request, b"host")) > 1:
        raise RequestError
    if b"connection" in values:
        is_listed = _has_token(_all(request, b"connection"), b"close")
        request.closes = is_listed or b"close" in _words(values[b"connection"])
    if request.version < (1, 1):
        request.closes = b"keep-alive" not in _words(values.get(b"connection", b""))
    if b"transfer-encoding" in values:
        _check_transfer_encoding(request)
    elif b"content-length" in values:
        request.content_length = _parse_content_length(_all(request, b"content-length"))
    if request.version[0] != 1:
        _check_version(request)
    _check_host(request)


def _all(request: Request, name: bytes) -> list[bytes]:
    """Return all values of a header."""
    if len(request.values) < len(request.headers):
        return [value for each, value in request.headers if each == name]
    return [request.values[name]] if name in request.values else []


def _has_token(values: Sequence[bytes], token: bytes) -> bool:
    """Return whether comma-separated lists have an element, whose case does not matter."""
    return any(token in _elements(value) for value in values)


@cache_short_inputs
def _words(value: bytes) -> list[bytes]:
    """Return what blanks and commas separate, in lower case."""
    return _SEPARATORS.split(value.lower())


@cache_short_inputs
def _elements(value: bytes) -> list[bytes]:
    return [each.strip(_BLANKS) for each in value.lower().split(b",")]


def _check_transfer_encoding(request: Request) -> None:
    if request.version < (1, 1):
        # HTTP/1.0 knows no such header: what follows would be taken for another request.
        request.closes = True
        return
    codings = _all(request, b"transfer-encoding")
    if [coding.lower() for coding in codings] != [b"chunked"]:
        raise RequestError("501 Not Implemented", "Unsupported transfer encoding")
    if b"content-length" in request.values:
        raise RequestError
    trailers = _all(request, b"trailer")
    if any(_has_token(trailers, name) for name in _NOT_IN_TRAILERS):
        raise RequestError
    request.content_length = None


def _parse_content_length(values: Sequence[bytes]) -> int:
    text = values[0]
    if any(other != text for other in values) or not text.isdigit():
        raise RequestError
    digits = text.lstrip(b"0") or b"0"
    if len(digits) > _MAX_LENGTH_DIGITS or (length := int(digits)) > _MAX_CONTENT_LENGTH:
        raise RequestError
    return length


def _check_version(request: Request) -> None:
    if request.version != (2, 0) or (request.method, request.path) != (b"PRI", b"*"):
        text = "unsupported protocol version"
        raise RequestError(f"505 HTTP Version Not Supported: {text}")
    # A client that speaks HTTP/2 without asking.
    request.closes = True


def _check_host(request: Request) -> None:
    host = request.values.get(b"host")
    if host is None:
        is_optional = request.version == (1, 0) or request.method in (b"CONNECT", b"PRI")
        if not is_optional:
            raise _bad_request("missing required Host header")
    elif not _HOST.fullmatch(host):
        raise _bad_request("malformed Host header")


def _bad_request(problem: str) -> RequestError:
    return RequestError(f"{BAD_REQUEST}: {problem}")
