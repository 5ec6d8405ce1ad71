"""Where a callback is sent: read off a webhook, and shown in logs without its secrets."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import quote

from fake_apimart.go.url import URL, URLError, parse

MAX_WEBHOOK_CHARACTERS = 8192
MAX_PORT = 65535
MAX_PORT_DIGITS = 5
MAX_SHOWN_CHARACTERS = 200
"""How much of a target a log line shows."""

_DEFAULT_PORTS = {b"http": 80, b"https": 443}
_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_HOST_NAME = re.compile(r"[0-9A-Za-z_~-]+(?:\.[0-9A-Za-z_~-]+)*\.?")
_PATH_SAFE = "/%!$&'()*+,;=:@[]"
"""What Go's `URL.EscapedPath` leaves as it is, beside letters, digits and `-_.~`."""
_NOT_VISIBLE = re.compile(rb"[^!-~]")


class Target(NamedTuple):
    """A URL in the parts that a request needs, all of them visible ASCII.

    `host` is what is looked up, `authority` what the `Host` header says; an IPv6 zone stands in
    the former alone (go). `user_info` is still escaped.
    """

    scheme: str
    host: str
    port: int
    authority: str
    user_info: str
    path: str
    query: str

    @property
    def request_target(self) -> str:
        """What the request line says: the path, and the query behind it."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def shown(self) -> str:
        """Scheme, host, port and path for logs: user info and query may hold passwords."""
        return f"{self.scheme}://{self.authority}{self.path}"[:MAX_SHOWN_CHARACTERS]


def target_of(webhook: str) -> Target:
    """Return where the end of a task is posted: `/callback` is put behind the webhook's path.

    A query is kept, a fragment is dropped (assumed). Raises URLError where the webhook is no
    absolute http(s) URL with a host that can be looked up and a valid port.
    """
    url = parse(webhook.encode())
    if (
        url.scheme not in _DEFAULT_PORTS
        or not url.hostname
        or len(webhook) > MAX_WEBHOOK_CHARACTERS
    ):
        raise URLError("no http or https URL with a host")
    digits = url.port.lstrip("0")
    if url.port and not (0 < len(digits) <= MAX_PORT_DIGITS and int(digits) <= MAX_PORT):
        raise URLError("invalid port")
    host = _host_of(url)
    shown_host = f"[{host.partition('%')[0]}]" if ":" in host else host
    return Target(
        scheme=url.scheme.decode(),
        host=host,
        port=int(digits) if digits else _DEFAULT_PORTS[url.scheme],
        authority=f"{shown_host}:{digits}" if digits else shown_host,
        user_info=url.user_info.decode(),
        path=quote(url.path, _PATH_SAFE).rstrip("/") + "/callback",
        query=_NOT_VISIBLE.sub(_escape, url.query).decode(),
    )


def _escape(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


def _host_of(url: URL) -> str:
    """Return the host as it is looked up. Raises URLError."""
    name = url.hostname
    try:
        if ":" in name:
            address = ipaddress.IPv6Address(name)
            if not name.isascii() or not name.isprintable():
                raise URLError("invalid zone")
            return str(address)
        if _IPV4.fullmatch(name):
            return str(ipaddress.IPv4Address(name))
        host = name.encode("idna").decode()
    except URLError:
        raise
    except ValueError:
        host = ""
    # Wide characters become ASCII, and would be read as the end of the host.
    if not _HOST_NAME.fullmatch(host):
        raise URLError("invalid host")
    return host
