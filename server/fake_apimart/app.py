"""The whole server as an ASGI application."""

from __future__ import annotations

import asyncio

from fake_apimart_storage import Storage

from fake_apimart.answer import Answering
from fake_apimart.api import Api
from fake_apimart.backend import Backend
from fake_apimart.clock import Clock, SystemClock
from fake_apimart.control.door import ControlDoor
from fake_apimart.gateway import Gateway
from fake_apimart.lifespan import Lifespan
from fake_apimart.randomness import Randomness
from fake_apimart.settings import Settings


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
