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
from typing import Any, cast

import uvicorn

from fake_apimart.app import Application, create_app
from fake_apimart.common.addresses import url_at
from fake_apimart.http.protocol import Protocol
from fake_apimart.observability.log import OneLine, logger_of
from fake_apimart.settings.names import variable_of
from fake_apimart.settings.reading import InvalidSettings
from fake_apimart.settings.settings import Settings

BACKLOG = 2048
# Clients keep connections for reuse; one that is closed under their hands costs them a retry.
KEEP_ALIVE_SECONDS = 75
FINISHING_SECONDS = 5.0
"""How long requests that are under way when the server is told to stop may go on."""
PARTING_SECONDS = 0.5
"""How long clients then have to read their answers, before all connections end."""
STOP_SECONDS = 7
"""How long a process may take to stop: a store that hangs would hold it for longer."""

logger = logger_of(__name__)

_LEVELS = {
    **dict.fromkeys(("fake_apimart", "fake_apimart_storage"), "INFO"),
    **dict.fromkeys(("uvicorn.error", "asyncio", "concurrent.futures"), "WARNING"),
    **dict.fromkeys(("botocore", "boto3", "s3transfer", "urllib3", "httpx", "httpcore"), "WARNING"),
}
"""From which level on records of each logger are shown."""

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    # Standard output carries the line that says where the server listens, and nothing else.
    "filters": {"one_line": {"()": OneLine}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["one_line"],
        }
    },
    "loggers": {
        name: {"handlers": ["stderr"], "level": level, "propagate": False}
        for name, level in _LEVELS.items()
    },
}


def run(
    settings: Settings,
    announce: Callable[[str], None],
    *,
    listen_fd: int | None = None,
    until_stdin_ends: bool = False,
) -> None:
    """Serve until a signal says to stop; running uploads are finished first, for a while.

    `announce` is called with the server's URL once it accepts connections. `listen_fd` is a socket
    that listens already; `until_stdin_ends` makes the end of standard input a signal too. Raises
    InvalidSettings where the address or the storage cannot be used.
    """
    _log_only_what_is_shown()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Where uvicorn has its own: before and after it serves. A first process of a container
        # that has none never hears of the signal.
        signal.signal(number, _end_at_once)
    listener = listen(settings) if listen_fd is None else inherited(listen_fd)
    with listener:
        config = uvicorn_config(access_log=settings.access_log)
        loop_factory = config.get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(
                serve(settings, listener, config, announce, until_stdin_ends=until_stdin_ends)
            )


def _end_at_once(number: int, frame: FrameType | None = None) -> None:
    """End this process without another word, with the status of a process that a signal ended."""
    os._exit(128 + number)


def _end_in_time() -> None:
    """End this process once STOP_SECONDS have passed, if it has not ended by itself."""
    timer = threading.Timer(STOP_SECONDS, _end_late)
    timer.daemon = True
    timer.start()


def _end_late() -> None:
    logger.warning("ended with calls of the storage or drawings still running")
    _end_at_once(signal.SIGTERM)


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
        timeout_graceful_shutdown=STOP_SECONDS,
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
        server = Server(config, app, lambda: announce(url_of(listener)), _end_in_time)
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

    `on_listening` is called once it accepts connections, `on_stopping` once it is to stop. A signal
    asks it to stop, and is not raised again at the end, as if the server had failed.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        app: Application,
        on_listening: Callable[[], None],
        on_stopping: Callable[[], None] = lambda: None,
    ) -> None:
        config.app = app
        super().__init__(config)
        self._app = app
        self._on_listening = on_listening
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stopping()
        if self._app.service is not None:
            self._app.service.stopping.set()
        cutting_short = asyncio.create_task(self._cut_short())
        try:
            await super().shutdown(sockets)
        finally:
            cutting_short.cancel()

    async def _cut_short(self) -> None:
        """End what is still under way after FINISHING_SECONDS, whatever clients do.

        A request that has no answer yet is answered 503, by whoever runs it.
        """
        await asyncio.sleep(FINISHING_SECONDS)
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.sleep(PARTING_SECONDS)
        for connection in list(self.server_state.connections):
            cast(Protocol, connection).abort()
        self.force_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, or end the process at once where Ctrl+C comes again."""
        if self.should_exit and sig == signal.SIGINT:
            _end_at_once(sig)
        self.should_exit = True


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say. Raises InvalidSettings."""
    try:
        addresses = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
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
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
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
