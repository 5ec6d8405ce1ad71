"""`net/url`: parsing and escaping of URLs."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote as percent_encode
from urllib.parse import unquote_to_bytes

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.go import strconv

MAX_PARAMETERS = 10_000
"""How many parameters a query may have (go); more are an error."""
TOO_MANY_PARAMETERS = "number of URL query parameters exceeded limit"

_SAFE = "$&+:=@"
"""What `url.PathEscape` keeps beside the unreserved characters, which `percent_encode` keeps."""
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_SCHEME = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*):")
_USER_INFO = re.compile(rb"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT = re.compile(rb"(?::[0-9]*)?")
# In a host, only what is not ASCII may be escaped, and the percent sign itself.
_BAD_IN_HOST = re.compile(
    _BAD_ESCAPE.pattern
    + rb"|%(?!25)[0-7][0-9A-Fa-f]"
    + rb"|([^\x80-\xffA-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"%])",
    re.DOTALL,
)
_STRICT_COLONS = (b"http", b"https")
"""The schemes in whose hosts a colon begins the port; other hosts may hold further ones."""


class URLError(ValueError):
    """The text is no URL; the message is Go's, without what was parsed."""


@dataclass(frozen=True, slots=True)
class URL:
    """A URL in parts, all as they were sent but for the scheme, which is in lower case.

    `host` includes the port. `path` is still escaped. `opaque` is what follows the scheme where
    no slash does, as in `mailto:`.
    """

    scheme: bytes = b""
    user_info: bytes = b""
    host: bytes = b""
    path: bytes = b""
    query: bytes = b""
    fragment: bytes = b""
    opaque: bytes = b""

    @property
    def hostname(self) -> str:
        """The host in lower case, without port and brackets."""
        host = unquote_to_bytes(self.host).decode("utf-8", "replace").lower()
        if host.startswith("["):
            return host[1:].partition("]")[0]
        return host.partition(":")[0]

    @property
    def port(self) -> str:
        """The digits of the port, or an empty string without one."""
        return self.host.rpartition(b"]")[2].partition(b":")[2].decode("ascii", "replace")


def parse(url: bytes) -> URL:
    """Parse an absolute or relative URL as `url.Parse` does. Raises URLError."""
    rest, _, fragment = url.partition(b"#")
    parsed = _parse(rest, via_request=False)
    _check_escapes(fragment)
    return replace(parsed, fragment=fragment)


def parse_request_uri(target: bytes) -> URL:
    """Parse the target of a request as `url.ParseRequestURI` does. Raises URLError.

    That is an absolute path, an absolute URL or `*`. A `#` has no meaning in it.
    """
    return _parse(target, via_request=True)


def _parse(url: bytes, *, via_request: bool) -> URL:
    if _CONTROL.search(url):
        raise URLError("net/url: invalid control character in URL")
    if not url and via_request:
        raise URLError("empty url")
    if url == b"*":
        return URL(path=url)
    scheme, rest = _split_scheme(url)
    rest, _, query = rest.partition(b"?")
    if not rest.startswith(b"/"):
        if scheme:
            return URL(scheme, query=query, opaque=rest)
        if via_request:
            raise URLError("invalid URI for request")
        if b":" in rest.partition(b"/")[0]:
            raise URLError("first path segment in URL cannot contain colon")
    user_info = host = b""
    has_host = bool(scheme) or not (via_request or rest.startswith(b"///"))
    if has_host and rest.startswith(b"//"):
        authority, slash, rest = rest[2:].partition(b"/")
        rest = slash + rest
        user_info, host = _split_authority(scheme, authority)
    _check_escapes(rest)
    return URL(scheme, user_info, host, rest, query)


def _split_scheme(url: bytes) -> tuple[bytes, bytes]:
    if url.startswith(b":"):
        raise URLError("missing protocol scheme")
    scheme = _SCHEME.match(url)
    return (scheme[1].lower(), url[scheme.end() :]) if scheme else (b"", url)


def _split_authority(scheme: bytes, authority: bytes) -> tuple[bytes, bytes]:
    """Return the user info and the host with its port."""
    user_info, _, host = authority.rpartition(b"@")
    if host.startswith(b"["):
        _check_ip_literal(host)
    elif b"[" in host:
        raise URLError("invalid IP-literal")
    else:
        _check_port(_port_of(scheme, host))
        _check_host_name(host)
    if not _USER_INFO.fullmatch(user_info):
        raise URLError("net/url: invalid userinfo")
    _check_escapes(user_info)
    return user_info, host


def _port_of(scheme: bytes, host: bytes) -> bytes:
    position = host.find(b":") if scheme in _STRICT_COLONS else host.rfind(b":")
    return host[position:] if position >= 0 else b""


def _check_port(port: bytes) -> None:
    if not _PORT.fullmatch(port):
        raise URLError(f"invalid port {strconv.quote(port)} after host")


def _check_host_name(name: bytes) -> None:
    bad = _BAD_IN_HOST.search(name)
    if bad is None:
        return
    if bad[1]:
        raise URLError(f"invalid character {strconv.quote(bad[1])} in host name")
    raise URLError(f"invalid URL escape {strconv.quote(bad[0])}")


def _check_ip_literal(host: bytes) -> None:
    """Raise URLError unless `host` is an IPv6 address in brackets, maybe with zone and port."""
    address, bracket, port = host[1:].rpartition(b"]")
    if not bracket:
        raise URLError("missing ']' in host")
    _check_port(port)
    address, _, zone = address.partition(b"%25")
    _check_host_name(address)
    _check_escapes(zone)
    try:
        ipaddress.IPv6Address(address.decode("ascii"))
    except ValueError:
        raise URLError("invalid IP-literal") from None


def _check_escapes(text: bytes) -> None:
    if error := _escape_error(text):
        raise URLError(error)


@cache_short_inputs
def path_escape(segment: bytes) -> str:
    """Percent-encode a path segment as `url.PathEscape` does."""
    return percent_encode(segment, safe=_SAFE)


def parse_query(query: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield names and values as `url.ParseQuery` does, which leaves out pairs with an error.

    A query of more than MAX_PARAMETERS has none.
    """
    if query.count(b"&") >= MAX_PARAMETERS:
        return
    for pair in query.split(b"&"):
        if pair and b";" not in pair and not _BAD_ESCAPE.search(pair):
            name, _, value = pair.replace(b"+", b" ").partition(b"=")
            yield unquote_to_bytes(name), unquote_to_bytes(value)


def query_error(query: bytes) -> str | None:
    """Return the error text of `url.ParseQuery`, or None if the query string is valid.

    An error does not end the parsing: a semicolon in any pair is reported, else the first bad
    escape.
    """
    if not query:
        return None
    if query.count(b"&") >= MAX_PARAMETERS:
        return TOO_MANY_PARAMETERS
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
