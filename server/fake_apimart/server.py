"""A running server: its socket, its storage, its life from the first line printed to the signal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable
from types import FrameType
from typing import Any

import uvicorn
from fake_apimart_storage import Storage, StorageError, storage_at

from fake_apimart.app import create_app
from fake_apimart.expiry import expire_files, lifetimes
from fake_apimart.protocol import Protocol
from fake_apimart.settings import InvalidSettings, Settings, variable_of

BACKLOG = 2048
# Clients keep connections for reuse; one that is closed under their hands costs them a retry.
KEEP_ALIVE_SECONDS = 75
SHUTDOWN_SECONDS = 30

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    # Standard output carries the line that says where the server listens, and nothing else.
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "fake_apimart": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "uvicorn.access": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}


def run(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until a signal says to stop; running uploads are finished first.

    `announce` is called with the server's URL once it accepts connections. Raises InvalidSettings
    where the address or the storage cannot be used.
    """
    _log_only_what_is_shown()
    listener = listen(settings)
    with listener:
        config = uvicorn_config()
        loop_factory = config.get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(serve(settings, listener, config, announce))


def _log_only_what_is_shown() -> None:
    """Spare what no line shows: a record per request is a good part of what a poll costs.

    These are the switches that the logging documentation names for it.
    """
    for unused in ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing"):
        setattr(logging, unused, None)


def uvicorn_config() -> uvicorn.Config:
    """How uvicorn is to run; the application is set once its storage is open."""
    return uvicorn.Config(
        app="",
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=LOGGING,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


async def serve(
    settings: Settings,
    listener: socket.socket,
    config: uvicorn.Config,
    announce: Callable[[str], None],
) -> None:
    """Serve on `listener` until told to stop. Raises InvalidSettings."""
    async with _open_storage(settings) as storage:
        app = create_app(settings, storage)
        config.app = app
        server = Server(config, lambda: announce(url_of(listener)), app.stopping.set)
        expiring = asyncio.create_task(expire_files(storage, settings.url_ttl_seconds))
        try:
            await server.serve([listener])
        finally:
            expiring.cancel()
            await asyncio.wait([expiring])


@contextlib.asynccontextmanager
async def _open_storage(settings: Settings) -> AsyncIterator[Storage]:
    storage = storage_at(settings.storage, public_endpoint=settings.s3_public_endpoint)
    try:
        await storage.open(lifetimes(settings.url_ttl_seconds))
    except StorageError as error:
        raise InvalidSettings(f"{variable_of('storage')}={settings.storage}: {error}") from None
    try:
        yield storage
    finally:
        await storage.close()


class Server(uvicorn.Server):
    """uvicorn's server, which says when it listens, and for which a signal is a wish, no error."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_listening: Callable[[], None],
        on_stopping: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stopping()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        # uvicorn would raise it again at the end, and a server that was asked to stop would fail.
        self._captured_signals.clear()


def listen(settings: Settings) -> socket.socket:
    """A socket that listens where the settings say. Raises InvalidSettings."""
    try:
        addresses = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        reason = error.strerror or error
        raise InvalidSettings(f"{variable_of('host')}={settings.host}: {reason}") from None
    family, _, _, _, address = addresses[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            # On Windows the same option would let two servers share a port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise InvalidSettings(_bind_problem(settings, error)) from None
    return listener


def _bind_problem(settings: Settings, error: OSError) -> str:
    return (
        f"{variable_of('host')}={settings.host}, {variable_of('port')}={settings.port}: "
        f"cannot listen there: {error.strerror or error}"
    )


def url_of(listener: socket.socket) -> str:
    """The URL at which `listener` is reached by the address it is bound to."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
