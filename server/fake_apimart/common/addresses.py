"""Hosts and ports: their URLs, also of all interfaces, comparing hosts, leaving passwords out."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_LOOPBACK_BY_WILDCARD = {"0.0.0.0": "127.0.0.1", "::": "::1"}
# In JSON a slash may be escaped.
_USER_INFO = re.compile(r"(\\?/\\?/)[^/\s\"\\]*@")


def url_at(host: str, port: int) -> str:
    """Return the HTTP URL of a server at a host name, IPv4 or IPv6 address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def local_url(url: str) -> str:
    """Return the URL at which this machine reaches the server that listens at `url`.

    A wildcard address becomes the loopback address; any other URL is returned as it is.
    """
    parts = urlsplit(url)
    host = _LOOPBACK_BY_WILDCARD.get(parts.hostname or "")
    return url_at(host, parts.port or 80) if host else url


def comparable_host(scheme: str, host: str, port: str) -> tuple[str, str]:
    """Return a host and its port in the one form in which equal ones are equal.

    Letters have no case, and a dot at the end, zeros before a port and the scheme's default port
    do not count. An IPv6 address is in its shortest form, an internationalized name in ASCII.
    """
    number = port.lstrip("0")
    return _normalize(host.lower()), "" if number == _DEFAULT_PORTS.get(scheme) else number


def _normalize(host: str) -> str:
    try:
        return ipaddress.ip_address(host).compressed
    except ValueError:
        pass
    name = host.removesuffix(".")
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def without_passwords(text: str) -> str:
    """Return `text` with stars for what stands before the host in each URL, as in `//user:pw@`."""
    return _USER_INFO.sub(r"\1***@", text)
