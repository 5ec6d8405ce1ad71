"""Who may call the control API: no web page of another site, and not everybody about the server.

A call with an API key is about that key's world, which is secret enough to need nothing more.
One without is about the whole server, or about a world that it names by its id: free where only
this machine can have sent it, else it needs the admin token.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.routing import APIRoute

from fake_apimart.callbacks.delivery import MARK
from fake_apimart.common.addresses import comparable_host, host_of, is_loopback, is_within
from fake_apimart.contract.api_key import HEADER, key_of, may_be_good
from fake_apimart.control import refusals
from fake_apimart.control.body import read_body
from fake_apimart.control.target import WORLD, service_of, world_id_of
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.gateway.public_base import was_forwarded
from fake_apimart.go.url import URLError, parse
from fake_apimart.settings.names import variable_of
from fake_apimart.settings.settings import Settings

ADMIN_TOKEN_HEADER = "X-Fake-Admin-Token"  # noqa: S105
JSON = "application/json"
BYTES = "application/octet-stream"

OTHER_PLACES = ("cross-site", "same-site")
"""What browsers say of requests by pages of other origins."""
CHANGING = ("POST", "PATCH", "DELETE", "PUT")


class ControlRoute(APIRoute):
    """A route of the control API, which checks the caller before anything of the body is read.

    FastAPI solves dependencies only after it has read the body, even of a caller that is refused.
    """

    media_type = JSON
    """What the body of a call that changes something must be."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's own handler behind the check."""
        handle = super().get_route_handler()

        async def handle_allowed(request: Request) -> Response:
            check(request, service_of(request).settings, self.media_type)
            if request.method in CHANGING and self.media_type == JSON:
                # Also where nobody wants the body: nothing is done for a request that was cut.
                request = await read_body(request)
            return await handle(request)

        return handle_allowed


class BytesRoute(ControlRoute):
    """A route whose body is a file: its handler reads it as it comes."""

    media_type = BYTES


def check(request: Request, settings: Settings, expected: str = JSON) -> None:
    """Raise `callback`, `foreign_origin`, `not_of_type`, or what `_check_caller` raises.

    A body must be of the `expected` type.
    """
    check_sender(request, settings)
    headers = request.headers
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in CHANGING and media_type != expected:
        raise refusals.not_of_type(expected)
    _check_caller(request, settings)


def _check_caller(request: Request, settings: Settings) -> None:
    """Raise `no_api_key`, `admin_token_needed`; `two_worlds`, `invalid_call` for a world's id."""
    authorization = request.headers.get(HEADER)
    if authorization is None or WORLD in request.query_params:
        check_for_whole_server(request, settings)
        if authorization is not None:
            raise refusals.two_worlds(WORLD)
        world_id_of(request)
    elif not may_be_good(key_of(authorization), settings.api_keys):
        raise refusals.no_api_key()


def check_sender(request: Request, settings: Settings) -> None:
    """Raise `callback` and `foreign_origin` for who may not call, whatever they know."""
    if MARK in request.headers:
        # Whoever has a key of the API chooses where these go, also to this very machine.
        raise refusals.callback(MARK)
    for origin in request.headers.getlist("origin"):
        if not any(_is_same_host(origin, host) for host in _own_hosts(request, settings)):
            raise refusals.foreign_origin(origin)
    # Without an Origin come what its elements load, and streams among it. It may link to us.
    place, mode = (request.headers.get(f"sec-fetch-{each}", "") for each in ("site", "mode"))
    if place in OTHER_PLACES and mode != "navigate":
        raise refusals.foreign_origin(f"pages of a {place} origin")


def _own_hosts(request: Request, settings: Settings) -> Iterator[str]:
    """Yield the host that the request was sent to, and the one by which its client reaches us."""
    yield request.headers.get("host", "")
    yield urlsplit(exchange_of(request.scope).arrival.base_url(settings)).netloc


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


def check_for_whole_server(request: Request, settings: Settings) -> None:
    """Let nobody but this machine and who knows the admin token go on. Raises ApiError."""
    token = settings.admin_token
    given = request.headers.get(ADMIN_TOKEN_HEADER, "")
    if token and hmac.compare_digest(given.encode("latin-1"), token.encode()):
        return
    if not _is_local(request, settings):
        configured = f"the value of {variable_of('admin_token')}"
        missing = f"{variable_of('admin_token')} to be set"
        raise refusals.admin_token_needed(ADMIN_TOKEN_HEADER, configured if token else missing)


def _is_local(request: Request, settings: Settings) -> bool:
    """Return whether only this machine can have sent a request.

    Both ends of its connection are loopback, as far as the server that runs us tells them, and so
    is its `Host`, which a page of another site cannot make so. A proxy is on this machine too: who
    sent what it passes on is known to it alone.
    """
    if names_other_host(settings) or was_forwarded(request.scope["headers"]):
        return False
    client, server = request.client, request.scope.get("server")
    peer = client.host if client is not None else ""
    if is_within(peer, settings.trusted_proxies):
        return False
    hosts = [value for name, value in request.headers.items() if name == "host"]
    # Where a target is a whole URL, its host stands for the header.
    addressed = [*hosts, exchange_of(request.scope).header(b"host") or ""]
    names = (peer, server[0] if server else "", *(host_of(each) or "" for each in addressed))
    return len(hosts) == 1 and all(map(is_loopback, names))


def names_other_host(settings: Settings) -> bool:
    """Return whether the settings name a host by which others than this machine reach us."""
    named = [urlsplit(settings.public_url).hostname or ""] if settings.public_url else []
    named += [host_of(each) or "" for each in settings.public_hosts]
    return not all(map(is_loopback, named))
