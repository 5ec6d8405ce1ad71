"""Hosts and ports: their URLs, comparing them, telling loopback addresses and networks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from fake_apimart.common.caches import cache_short_inputs

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_LOOPBACK_BY_WILDCARD = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_NAME = r"[A-Za-z0-9_~-]+(?:\.[A-Za-z0-9_~-]+)*\.?"
MAX_AUTHORITY_CHARACTERS = 3 * 255 + len(":65535")
"""The longest host with a port: 255 bytes, each of which may be escaped."""
_AUTHORITY = re.compile(rf"(?:\[([0-9A-Fa-f:.]+)\]|({_NAME}))(?::([0-9]{{1,5}}))?")
_MAX_PORT = 65_535

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def url_at(host: str, port: int) -> str:
    """Return the HTTP URL of a server at a host name, IPv4 or IPv6 address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def authority_at(address: tuple[str, int | None] | None) -> str:
    """Return `host:port` of a socket's address as URLs have it; empty where there is none."""
    if address is None:
        return ""
    name, port = address
    host = f"[{name}]" if ":" in name else name
    return host if port is None else f"{host}:{port}"


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


@cache_short_inputs
def host_of(authority: str) -> str | None:
    """Return the host of `host[:port]`, an IPv6 address without brackets; None for other text.

    User info, blanks, lists, broken escapes and ports above 65535 make no host, nor does what is
    longer than any name that can be looked up.
    """
    if len(authority) > MAX_AUTHORITY_CHARACTERS:
        return None
    match = _AUTHORITY.fullmatch(authority)
    if match is None or int(match[3] or 0) > _MAX_PORT:
        return None
    if match[1] is None:
        return match[2]
    return match[1] if ":" in match[1] and _address(match[1]) is not None else None


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only be this machine.

    Numbers are so in the form of four decimals alone: systems differ on `127.1` and `0x7f.1`.
    """
    address = _address(host)
    if address is None:
        return host.lower().removesuffix(".") == "localhost"
    return address.is_loopback


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Return whether an IP address is in one of `networks`; other text is in none."""
    parsed = _address(address)
    return parsed is not None and any(parsed in network for network in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an IP address, an IPv4 one where it is mapped into IPv6; None for other text."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped: ipaddress.IPv4Address | None = getattr(address, "ipv4_mapped", None)
    return mapped or address
