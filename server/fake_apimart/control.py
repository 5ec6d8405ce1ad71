"""What is below `/_fake/`: the server's own operations, which the vendor has none of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fake_apimart_storage import Storage
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from fake_apimart import health
from fake_apimart.api import refuse_unrouted

Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]


def create_control(storage: Storage, lifespan: Lifespan) -> FastAPI:
    """The control API; `lifespan` spans the life of the whole server."""
    app = FastAPI(openapi_url=None, redirect_slashes=False, lifespan=lifespan)
    app.add_route(health.PATH, health.Health(storage).get, methods=["GET"])
    app.add_exception_handler(HTTPException, refuse_unrouted)
    return app
