"""The way into the control API: who may drive it, and no web page may.

A call with a bearer token is about that token's world, which is secret enough to need nothing more.
One without is about the whole server: free where only this machine can reach it, else it needs the
admin token.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from fake_apimart.common.settings import variable_of
from fake_apimart.contract import errors
from fake_apimart.contract.api_key import HEADER, bearer_key
from fake_apimart.control import refusals
from fake_apimart.gateway import health
from fake_apimart.service.service import Backend

PREFIX = "/_fake/"
ADMIN_TOKEN_HEADER = "X-Fake-Admin-Token"  # noqa: S105
JSON = "application/json"

_CHANGING = ("POST", "PATCH", "DELETE", "PUT")
_FREE = ("/_fake/docs", "/_fake/openapi.json", "/_fake/swagger-ui/")


class ControlDoor:
    """Sends what is below `/_fake/` to the control API, all else and health to `app`."""

    def __init__(self, app: ASGIApp, backend: Backend, stopping: asyncio.Event) -> None:
        self._app = app
        self._backend = backend
        self._stopping = stopping
        self._token = backend.settings.admin_token
        self._is_local = is_loopback(backend.settings.host)
        self._api: ASGIApp | None = None
        self._loading: asyncio.Future[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if not path.startswith(PREFIX) or path == health.PATH:
            await self._app(scope, receive, send)
            return
        try:
            self._check(Request(scope))
        except errors.ApiError as error:
            await errors.render(error, "")(scope, receive, send)
            return
        api = self._api or await self._loaded()
        await api(scope, receive, send)

    async def _loaded(self) -> ASGIApp:
        """FastAPI is imported by the first who needs it, in a thread: it takes a quarter second."""
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(self._load))
        self._api = await asyncio.shield(self._loading)
        return self._api

    def _load(self) -> ASGIApp:
        from fake_apimart.control.api import control_api

        return control_api(self._backend, self._stopping)

    def _check(self, request: Request) -> None:
        """Raises `not_json`, `foreign_origin`, `no_bearer_key`, `admin_token_needed`."""
        headers = request.headers
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
            raise refusals.foreign_origin(origin)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method in _CHANGING and media_type != JSON:
            raise refusals.not_json()
        authorization = headers.get(HEADER)
        if authorization is not None:
            if not bearer_key(authorization):
                raise refusals.no_bearer_key()
        elif not request.scope["path"].startswith(_FREE):
            self._check_for_whole_server(request)

    def _check_for_whole_server(self, request: Request) -> None:
        given = request.headers.get(ADMIN_TOKEN_HEADER, "")
        if self._token and hmac.compare_digest(given.encode(), self._token.encode()):
            return
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        if not (self._is_local and is_loopback(host or "")):
            configured = f"the value of {variable_of('admin_token')}"
            missing = f"{variable_of('admin_token')} to be set"
            raise refusals.admin_token_needed(
                ADMIN_TOKEN_HEADER, configured if self._token else missing
            )


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
