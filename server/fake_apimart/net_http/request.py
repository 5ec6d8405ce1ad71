"""`http.Request`: a request's head, and what `http.Server` checks of it.

Unlike Go, this refuses what allows request smuggling: Content-Length beside Transfer-Encoding, and
a persistent connection for HTTP/1.0 with Transfer-Encoding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fake_apimart.common.caches import cache_short_inputs

BAD_REQUEST = "400 Bad Request"

_MAX_CONTENT_LENGTH = 2**63 - 1
_MAX_LENGTH_DIGITS = len(str(_MAX_CONTENT_LENGTH))
_HOST = re.compile(rb"[A-Za-z0-9!$%&'()*+,\-.:;=\[\]_~]*")
_BLANKS = b" \t"
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
        expectations = self.values.get(b"expect")
        return expectations is not None and b"100-continue" in _words(expectations)


def first_values(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the value of each header by its name; of repeated ones the first."""
    return dict(reversed(list(headers)))


def check(request: Request) -> None:
    """Settle the body's length and the connection's end. Raises RequestError."""
    values = request.values
    if len(_all(request, b"host")) > 1:
        raise RequestError
    if b"connection" in values:
        is_listed = _has_token(_all(request, b"connection"), b"close")
        request.closes = is_listed or b"close" in _words(values[b"connection"])
    if request.version < (1, 1):
        request.closes = b"keep-alive" not in _words(values.get(b"connection", b""))
    is_coded = b"transfer-encoding" in values
    if is_coded and request.version < (1, 1):
        # HTTP/1.0 knows no such header: chunks would be taken for another request.
        request.closes, is_coded = True, False
    if is_coded:
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
            raise bad_request("missing required Host header")
    elif not _HOST.fullmatch(host):
        raise bad_request("malformed Host header")


def bad_request(problem: str) -> RequestError:
    """Return the refusal that names a problem, as Go names a few."""
    return RequestError(f"{BAD_REQUEST}: {problem}")


def refusal(status: str, text: str, request: Request | None) -> bytes:
    """Return what Go says to what is no request, or to one that it does not pass on (go).

    `request` is the head as far as it is one. The connection ends behind this.
    """
    fields = ["Connection: close"]
    if text:
        fields.insert(0, "Content-Type: text/plain; charset=utf-8")
    elif request is None or request.method != b"HEAD":
        fields.insert(0, "Content-Length: 0")
    version = "HTTP/1.0" if request is not None and request.is_http_1_0 else "HTTP/1.1"
    return "\r\n".join([f"{version} {status}", *fields, "", text]).encode()
