"""The whole server as an ASGI application."""

from __future__ import annotations

import asyncio

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock, SystemClock
from fake_apimart.common.randomness import Randomness
from fake_apimart.common.settings import Settings
from fake_apimart.control.access import ControlDoor
from fake_apimart.gateway.dispatch import Api
from fake_apimart.gateway.gateway import Gateway
from fake_apimart.http.response_writer import Answering
from fake_apimart.lifespan import Lifespan
from fake_apimart.service.service import Backend


def create_app(
    settings: Settings,
    storage: Storage,
    clock: Clock | None = None,
    randomness: Randomness | None = None,
) -> Lifespan:
    """The server on a storage that is open for as long as it runs.

    Without a clock and a source of randomness it has the system's time, and names that differ
    from run to run.
    """
    clock = clock or SystemClock()
    randomness = randomness or Randomness()
    stopping = asyncio.Event()
    backend = Backend(settings, storage, clock, randomness)
    api = Api(backend.handlers(), settings.dialect, backend.worlds, clock, stopping)
    gateway = Gateway(api, clock, randomness, file_cors=settings.file_cors)
    app = ControlDoor(gateway, backend, stopping) if settings.control else gateway
    return Lifespan(Answering(app), backend.life, stopping)
