"""Which URLs are those of this server: by the file that the path names, and by the host.

Hosts are compared as hosts: letters have no case, a port that is the scheme's default and
`user:password@` do not count, and an IPv6 address is the same in all its forms.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from fake_apimart.common.addresses import comparable_host
from fake_apimart.contract import file_url
from fake_apimart.contract.operations import FILE_PREFIXES
from fake_apimart.go.url import URL, URLError, parse

_SLASHES = re.compile(rb"/{2,}")

_Host = tuple[str, str]
"""A host and its port, as `comparable_host` gives them."""


def parse_http_url(text: str) -> URL:
    """Parse an absolute URL of the scheme http or https. Raises URLError for any other text."""
    url = parse(text.encode("utf-8", "replace"))
    if url.scheme not in (b"http", b"https") or not url.hostname:
        raise URLError("no http or https URL")
    return url


class OwnUrls:
    """Recognises URLs below one of `base_urls`: the public URL, and what the request came to."""

    def __init__(self, *base_urls: str) -> None:
        self._hosts: set[_Host] = set()
        self._roots = {b""}
        for base_url in base_urls:
            try:
                url = parse_http_url(base_url)
            except URLError:
                continue
            self._hosts.add(_host_of(url))
            self._roots.add(_plain(url.path).rstrip(b"/"))

    def has_host_of(self, url: URL) -> bool:
        """Return whether the URL's host and port are those of this server."""
        return _host_of(url) in self._hosts

    def key_of(self, url: URL) -> str | None:
        """Return the storage key that the URL's path names, whatever its host; else None.

        The path may begin with that of a base URL, and may have doubled slashes.
        """
        path = _plain(url.path)
        for prefix in FILE_PREFIXES:
            root, found, name = path.rpartition(prefix.encode())
            if found and root in self._roots:
                return file_url.key_at(found + name)
        return None


def _plain(path: bytes) -> bytes:
    """Return a path without escapes and doubled slashes."""
    return _SLASHES.sub(b"/", unquote_to_bytes(path))


def _host_of(url: URL) -> _Host:
    return comparable_host(url.scheme.decode(), url.hostname, url.port)
