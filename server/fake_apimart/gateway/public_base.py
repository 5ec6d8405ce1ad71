"""What URLs in answers begin with: scheme, host and path by which a client reaches this server.

A reverse proxy states these in `X-Forwarded-Proto`, `-Host` and `-Prefix`. That is believed of the
proxies that the settings trust alone, and where it makes a URL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fake_apimart.common.addresses import comparable_host, host_of, is_within
from fake_apimart.settings.settings import Settings

_SCHEMES = ("http", "https")
# Segments of a path that no client, proxy or server reads as another path.
_PREFIX = re.compile(
    r"(?:/(?!\.{1,2}(?:/|$))"
    r"(?:[A-Za-z0-9._~$&+:=@-]|%(?![01]|2[EeFf]|5[Cc]|7[Ff])[0-9A-Fa-f]{2})+)+"
)
_FORWARDED = (b"forwarded", b"via", b"x-real-ip")
_FORWARDED_PREFIX = b"x-forwarded"

Headers = Sequence[tuple[bytes, bytes]]
"""All headers of a request, repeated ones too; names in lower case."""


class Arrival(NamedTuple):
    """How a request came in: what it and its connection say.

    `host` is empty or no host at times, `server` and `peer` are the ends of the connection, empty
    where it has none, and `root` is the path under which we are mounted.
    """

    scheme: str
    host: str
    root: str
    server: str
    peer: str
    headers: Headers

    def base_url(self, settings: Settings) -> str:
        """Return the base of URLs in the answer: `public_url` where it is set.

        Else it is how the request came in, by the proxy's word where the proxy is trusted. A host
        that `public_hosts` does not list is replaced by the first that it does.
        """
        return settings.public_url or self._own_base_url(settings)

    def base_path(self, settings: Settings) -> str:
        """Return the path by which the client reaches us: a trusted proxy's prefix, then `root`.

        It begins what the client resolves against the URL that it asked for.
        """
        if not self._is_trusted(settings):
            return self.root
        stated = self._stated(b"x-forwarded-prefix").removesuffix("/")
        return (stated if _PREFIX.fullmatch(stated) else "") + self.root

    def client_scheme(self, settings: Settings) -> str:
        """Return the scheme by which the client reaches us: a trusted proxy's word, or our own."""
        if self._is_trusted(settings):
            stated = self._stated(b"x-forwarded-proto").lower()
            if stated in _SCHEMES:
                return stated
        return self.scheme

    def own_base_urls(self, settings: Settings) -> list[str]:
        """Return the bases of all URLs that are this server's."""
        pinned = (f"{scheme}://{each}" for each in settings.public_hosts for scheme in _SCHEMES)
        given = [self._own_base_url(settings), self._plain_base_url(), *pinned]
        return [settings.public_url, *given] if settings.public_url else given

    def _own_base_url(self, settings: Settings) -> str:
        if not (settings.trusted_proxies or settings.public_hosts):
            return self._plain_base_url()
        scheme, host = self.client_scheme(settings), self._usable_host()
        if self._is_trusted(settings):
            stated = self._stated(b"x-forwarded-host")
            host = stated if host_of(stated) else host
        host = _pinned(scheme, host, settings.public_hosts)
        return f"{scheme}://{host}{self.base_path(settings)}"

    def _is_trusted(self, settings: Settings) -> bool:
        return is_within(self.peer, settings.trusted_proxies)

    def _plain_base_url(self) -> str:
        return f"{self.scheme}://{self._usable_host()}{self.root}"

    def _usable_host(self) -> str:
        return self.host if host_of(self.host) else self.server or "localhost"

    def _stated(self, name: bytes) -> str:
        """Return what a proxy's header says; empty where it is missing, or repeated."""
        values = [value for each, value in self.headers if each == name]
        return values[0].decode("latin-1") if len(values) == 1 else ""


def _pinned(scheme: str, host: str, allowed: Sequence[str]) -> str:
    """Return `host` if it is among the `allowed` ones or these are none, else their first."""
    if not allowed or _comparable(scheme, host) in [_comparable(scheme, each) for each in allowed]:
        return host
    return allowed[0]


def _comparable(scheme: str, authority: str) -> tuple[str, str]:
    host = host_of(authority) or ""
    port = authority[authority.rindex(host) + len(host) :].lstrip("]:")
    return comparable_host(scheme, host, port)


def was_forwarded(headers: Headers) -> bool:
    """Return whether a reverse proxy says that it has passed a request on."""
    return any(
        name in _FORWARDED or name.startswith(_FORWARDED_PREFIX)
        for name in (name.lower() for name, _ in headers)
    )
