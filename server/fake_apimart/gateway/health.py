"""`GET /_fake/health`: whether the server answers, for container health checks."""

from __future__ import annotations

from fake_apimart_storage import Storage
from starlette.responses import Response

from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.version import __version__

PATH = "/_fake/health"


class Health:
    """The operation `health`."""

    def __init__(self, storage: Storage) -> None:
        self._answer = {"status": "ok", "version": __version__, "storage": storage.location}

    async def get(self, exchange: Exchange) -> Response:
        """Answer with version and storage; it needs no key."""
        return JSONResponse(self._answer)
