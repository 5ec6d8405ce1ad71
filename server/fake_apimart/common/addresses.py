"""Hosts and ports as URLs, and by which of them this machine reaches its own servers."""

from __future__ import annotations

from urllib.parse import urlsplit

_ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def url_at(host: str, port: int) -> str:
    """The URL of a server at a host's name or address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def local_url(url: str) -> str:
    """Where this machine reaches a server that listens at `url`, which may mean all addresses."""
    parts = urlsplit(url)
    host = _ALL_ADDRESSES.get(parts.hostname or "")
    return url_at(host, parts.port or 80) if host else url
