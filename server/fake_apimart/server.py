"""A running server: its socket, its event loop, its life from the first line to the signal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from fake_apimart.app import Application, create_app
from fake_apimart.common.addresses import url_at
from fake_apimart.common.settings import InvalidSettings, Settings, variable_of
from fake_apimart.http.protocol import Protocol

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
        "fake_apimart_storage": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}


def run(
    settings: Settings,
    announce: Callable[[str], None],
    *,
    listen_fd: int | None = None,
    until_stdin_ends: bool = False,
) -> None:
    """Serve until a signal says to stop; running uploads are finished first.

    `announce` is called with the server's URL once it accepts connections. `listen_fd` is a socket
    that listens already; `until_stdin_ends` makes the end of standard input a signal too. Raises
    InvalidSettings where the address or the storage cannot be used.
    """
    _log_only_what_is_shown()
    listener = listen(settings) if listen_fd is None else inherited(listen_fd)
    with listener:
        config = uvicorn_config(access_log=settings.access_log)
        loop_factory = config.get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(
                serve(settings, listener, config, announce, until_stdin_ends=until_stdin_ends)
            )


def _log_only_what_is_shown() -> None:
    """Switch off the fields of log records that no line shows; they are costly to collect.

    These are the switches that the logging documentation names for this.
    """
    for unused in ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing"):
        setattr(logging, unused, None)


def uvicorn_config(*, access_log: bool = True) -> uvicorn.Config:
    """Return how uvicorn runs; the application is set by Server."""
    return uvicorn.Config(
        app="",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=LOGGING,
        access_log=access_log,
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
    *,
    until_stdin_ends: bool,
) -> None:
    """Serve on `listener` until a signal or the end of standard input. Raises InvalidSettings."""
    app = create_app(settings)
    # uvicorn would log a start that fails with its traceback, and say nothing to who called it.
    async with app.router.lifespan_context(app):
        server = Server(config, app, lambda: announce(url_of(listener)))
        if until_stdin_ends:
            threading.Thread(target=_follow_stdin, args=(server,), daemon=True).start()
        await server.serve([listener])


def _follow_stdin(server: Server) -> None:
    """Stop the server once the process that started it has closed its standard input, or died."""
    with contextlib.suppress(OSError):
        # Not by sys.stdin, whose lock the interpreter would wait for at its end.
        while os.read(0, 4096):
            pass
    server.should_exit = True


class Server(uvicorn.Server):
    """uvicorn's server for an application whose lifespan runs already.

    `on_listening` is called once it accepts connections. A signal asks it to stop, and is not
    raised again at the end, as if the server had failed.
    """

    def __init__(
        self, config: uvicorn.Config, app: Application, on_listening: Callable[[], None]
    ) -> None:
        config.app = app
        super().__init__(config)
        self._app = app
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._app.service is not None:
            self._app.service.stopping.set()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, or stop at once where Ctrl+C comes again."""
        self.force_exit |= self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say. Raises InvalidSettings."""
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


def inherited(descriptor: int) -> socket.socket:
    """Return the listening socket that this process was started with. Raises InvalidSettings."""
    try:
        listener = socket.socket(fileno=descriptor)
        listener.getsockname()
        if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError("it does not listen")
    except OSError as error:
        reason = error.strerror or error
        raise InvalidSettings(f"--listen-fd {descriptor}: {reason}") from None
    return listener


def _bind_problem(settings: Settings, error: OSError) -> str:
    return (
        f"{variable_of('host')}={settings.host}, {variable_of('port')}={settings.port}: "
        f"cannot listen there: {error.strerror or error}"
    )


def url_of(listener: socket.socket) -> str:
    """Return the URL of the address that `listener` is bound to."""
    return url_at(*listener.getsockname()[:2])
