"""URLs of hosts and ports, and the loopback URL of a server that listens on all interfaces."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK_BY_WILDCARD = {"0.0.0.0": "127.0.0.1", "::": "::1"}


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
