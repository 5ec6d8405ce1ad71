"""A running server: its socket, its event loop, its life from the first line to the signal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from functools import partial
from types import FrameType
from typing import cast

import uvicorn

from fake_apimart.app import Application, create_app
from fake_apimart.common.descriptors import most_connections, raise_limit
from fake_apimart.http.protocol import Protocol
from fake_apimart.http.timeouts import Watch, limits_of
from fake_apimart.listening import listener_of, url_of
from fake_apimart.machine.allocator import keep_large_blocks_apart
from fake_apimart.observability import standard_error
from fake_apimart.observability.access_log import AccessLog
from fake_apimart.observability.log import logger_of
from fake_apimart.observability.log_form import FORMS
from fake_apimart.settings.settings import Settings

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
FINISHING_SECONDS = 5.0
"""How long requests that are under way when the server is told to stop may go on."""
PARTING_SECONDS = 0.5
"""How long clients then have to read their answers, before all connections end."""
STOP_SECONDS = 7
"""How long a process may take to stop: a store that hangs would hold it for longer."""
FLUSH_SECONDS = 0.5
"""How long the end of the log is then waited for, where nobody reads it."""

logger = logger_of(__name__)


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
    with logging_to_the_end(settings), listener_of(settings, listen_fd) as listener:
        run_on(
            listener,
            settings,
            lambda: announce(url_of(listener)),
            until=stdin_ended if until_stdin_ends else None,
        )


@contextlib.contextmanager
def logging_to_the_end(settings: Settings) -> Iterator[None]:
    """Let the log be that of a process that serves, and wait for its last lines after the block."""
    standard_error.begin(settings.log_format)
    try:
        yield
    finally:
        standard_error.writer().flush(FLUSH_SECONDS)


def run_on(
    listener: socket.socket,
    settings: Settings,
    on_listening: Callable[[], None],
    *,
    until: Callable[[], None] | None = None,
    is_worker: bool = False,
) -> None:
    """Serve on a socket in this process until a signal, or until `until`, a call that waits, ends.

    Raises InvalidSettings.
    """
    for number in STOP_SIGNALS:
        # Where uvicorn has its own: before and after it serves, when nothing is under way. A first
        # process of a container that has none never hears of the signal.
        signal.signal(number, lambda number, frame: leave())
    if is_worker:
        # Its supervisor has held them back until now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    raise_limit()
    keep_large_blocks_apart()
    config = uvicorn_config(log_format=settings.log_format, most_connections=most_connections())
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve(settings, listener, config, on_listening, until, is_worker=is_worker))


def leave(status: int = 0) -> None:
    """End this process at once, whatever its threads do."""
    standard_error.writer().flush(FLUSH_SECONDS)
    os._exit(status)


def _leave_in_time() -> None:
    """End this process once STOP_SECONDS have passed, if it has not ended by itself."""
    timer = threading.Timer(STOP_SECONDS, _leave_late)
    timer.daemon = True
    timer.start()


def _leave_late() -> None:
    logger.warning("ended with calls of the storage or drawings still running")
    leave()


def uvicorn_config(
    *, log_format: str = "text", most_connections: int | None = None
) -> uvicorn.Config:
    """Return how uvicorn runs; the application is set by Server."""
    return uvicorn.Config(
        app="",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=standard_error.configuration(log_format),
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=most_connections,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


async def serve(
    settings: Settings,
    listener: socket.socket,
    config: uvicorn.Config,
    on_listening: Callable[[], None],
    until: Callable[[], None] | None,
    *,
    is_worker: bool,
) -> None:
    """Serve on `listener` until a signal, or until `until` ends. Raises InvalidSettings."""
    app = create_app(settings)
    # uvicorn would log a start that fails with its traceback, and say nothing to who called it.
    async with app.router.lifespan_context(app):
        server = Server(config, app, on_listening, _leave_in_time, is_worker=is_worker)
        if until is not None:
            threading.Thread(target=_stop_after, args=(server, until), daemon=True).start()
        await server.serve([listener])
        if is_worker:
            # As long as it serves, the server itself sees to it.
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)


def _stop_after(server: Server, until: Callable[[], None]) -> None:
    until()
    server.stop()


def stdin_ended() -> None:
    """Wait until the process that started this one has closed its standard input, or died."""
    with contextlib.suppress(OSError):
        # Not by sys.stdin, whose lock the interpreter would wait for at its end.
        while os.read(0, 4096):
            pass


class Server(uvicorn.Server):
    """uvicorn's server for an application whose lifespan runs already.

    `on_listening` is called once it accepts connections, `on_stopping` once `stop` or a signal asks
    it to stop. A signal is not raised again at the end, as if the server had failed.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        app: Application,
        on_listening: Callable[[], None],
        on_stopping: Callable[[], None] = lambda: None,
        *,
        is_worker: bool = False,
    ) -> None:
        config.app = app
        config.http = cast(type[asyncio.Protocol], partial(Protocol, telemetry=app.telemetry))
        super().__init__(config)
        self._app = app
        if app.settings.access_log:
            app.telemetry.log_request = AccessLog(FORMS[app.settings.log_format])
        self._on_listening = on_listening
        self._on_stopping = on_stopping
        self._is_worker = is_worker
        self._is_signalled = False
        self._watching: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        connections = cast(Collection[Protocol], self.server_state.connections)
        self._app.telemetry.sample("open_connections", lambda: len(connections))
        watch = Watch(connections, limits_of(self._app.settings))
        self._watching = asyncio.create_task(watch.run())
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._app.service is not None:
            self._app.service.stopping.set()
        assert self._watching is not None
        helpers = [self._watching, asyncio.create_task(self._cut_short())]
        try:
            await super().shutdown(sockets)
        finally:
            for helper in helpers:
                helper.cancel()
        if self.server_state.tasks:
            # What they write to is closed next.
            await asyncio.wait(self.server_state.tasks, timeout=PARTING_SECONDS)

    async def _cut_short(self) -> None:
        """End what is still under way after FINISHING_SECONDS, whatever clients do.

        A request that has no answer yet is answered 503, by whoever runs it.
        """
        for connection in list(self.server_state.connections):
            # Those too that were accepted last, and have only now begun.
            connection.shutdown()
        await asyncio.sleep(FINISHING_SECONDS)
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.sleep(PARTING_SECONDS)
        for connection in list(self.server_state.connections):
            cast(Protocol, connection).abort()
        self.force_exit = True

    def stop(self) -> None:
        """Stop, in time whatever is under way. May be called by any thread."""
        if not self.should_exit:
            self.should_exit = True
            self._on_stopping()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, or end the process at once where a signal comes again."""
        if self._is_signalled and not self._is_worker:
            leave(128 + sig)
        self._is_signalled = True
        self.stop()
