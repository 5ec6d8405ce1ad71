"""Who may call the control API: no web page of another site, and not everybody about the server.

A call with an API key is about that key's world, which is secret enough to need nothing more.
One without is about the whole server: free where only this machine can reach it, else it needs the
admin token.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import SplitResult, urlsplit

from fastapi import Request, Response
from fastapi.routing import APIRoute

from fake_apimart.common.addresses import comparable_host
from fake_apimart.contract.api_key import HEADER, key_of, may_be_good
from fake_apimart.control import refusals
from fake_apimart.control.body import read_body
from fake_apimart.control.target import service_of
from fake_apimart.go.url import URLError, parse
from fake_apimart.settings.names import variable_of
from fake_apimart.settings.settings import Settings

ADMIN_TOKEN_HEADER = "X-Fake-Admin-Token"  # noqa: S105
JSON = "application/json"

CHANGING = ("POST", "PATCH", "DELETE", "PUT")


class ControlRoute(APIRoute):
    """A route of the control API, which checks the caller before anything of the body is read.

    FastAPI solves dependencies only after it has read the body, even of a caller that is refused.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's own handler behind the check."""
        handle = super().get_route_handler()

        async def handle_allowed(request: Request) -> Response:
            check(request, service_of(request).settings)
            if request.method in CHANGING:
                # Also where nobody wants the body: nothing is done for a request that was cut.
                request = await read_body(request)
            return await handle(request)

        return handle_allowed


def check(request: Request, settings: Settings) -> None:
    """Raise `foreign_origin`, `not_json`, `no_api_key`, `admin_token_needed`."""
    headers = request.headers
    origin = headers.get("origin")
    if origin is not None and not _is_same_host(origin, headers.get("host", "")):
        raise refusals.foreign_origin(origin)
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in CHANGING and media_type != JSON:
        raise refusals.not_json()
    authorization = headers.get(HEADER)
    if authorization is None:
        _check_for_whole_server(request, settings)
    elif not may_be_good(key_of(authorization), settings.api_keys):
        raise refusals.no_api_key()


def _is_same_host(origin: str, host: str) -> bool:
    """Return whether an origin is that of a page at `host`, with or without its port."""
    try:
        page = parse(origin.encode())
        own = parse(b"%s://%s" % (page.scheme, host.encode()))
    except URLError:
        return False
    scheme = page.scheme.decode()
    return bool(page.host) and comparable_host(scheme, page.hostname, page.port) == comparable_host(
        scheme, own.hostname, own.port
    )


def _check_for_whole_server(request: Request, settings: Settings) -> None:
    token = settings.admin_token
    given = request.headers.get(ADMIN_TOKEN_HEADER, "")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return
    if not _is_local(request, settings):
        configured = f"the value of {variable_of('admin_token')}"
        missing = f"{variable_of('admin_token')} to be set"
        raise refusals.admin_token_needed(ADMIN_TOKEN_HEADER, configured if token else missing)


def _is_local(request: Request, settings: Settings) -> bool:
    """Return whether only this machine can have sent a request.

    The settings' host says nothing under a server that does not go by it, so the peer is looked at
    too; and the `Host` header, which a page of another site cannot make loopback.
    """
    peer = request.client.host if request.client is not None else ""
    host = _split(f"//{request.headers.get('host', '')}").hostname or ""
    return all(map(is_loopback, (settings.host, peer, host)))


def _split(url: str) -> SplitResult:
    """Return the parts of a URL, all empty if it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only be this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
