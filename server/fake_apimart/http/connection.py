"""A connection and its requests: one is answered at a time, pipelined ones wait in a queue."""

from __future__ import annotations

import asyncio
import functools
from collections import deque

from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.server import ServerState

from fake_apimart.common.clock import SystemClock
from fake_apimart.http.access_log import AccessLog
from fake_apimart.http.flow_control import FlowControl
from fake_apimart.http.incoming_body import IncomingBody, high_water
from fake_apimart.http.request_head import RequestHead, address
from fake_apimart.http.response_writer import ResponseWriter
from fake_apimart.http.transaction import EXTENSION, Transaction

ACCESS_LOG = AccessLog(SystemClock())


class Connection:
    """The state that lasts from request to request on one transport of a uvicorn server.

    `latest` is the newest request whose head is whole; those before it may still wait for their
    answers.
    """

    def __init__(self, config: Config, state: ServerState, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.flow = FlowControl(transport)
        self.client = address(transport, "peername")
        self.latest: Transaction | None = None
        self._server = address(transport, "sockname")
        self._app = config.loaded_app
        self._keep_alive_seconds = config.timeout_keep_alive
        self._logs_access = config.access_log
        self._state = state
        self._loop = asyncio.get_running_loop()
        self._running: Transaction | None = None
        self._waiting: deque[tuple[Transaction, Scope]] = deque()
        self._keep_alive_timer: asyncio.TimerHandle | None = None

    @property
    def is_answering(self) -> bool:
        """Whether the latest request has not had its whole answer."""
        return self.latest is not None and not self.latest.writer.is_complete

    @property
    def most_held_bytes(self) -> int:
        """How many bytes of a body may be held here for a reader, and are read at once."""
        return high_water(len(self._state.connections))

    def begin(self, head: RequestHead, scope: Scope, *, keep_alive: bool) -> Transaction:
        """Have a request answered, behind those that came before it."""
        waits = self.is_answering
        scope["server"], scope["client"] = self._server, self.client
        body = None
        if head.has_body:
            continues = head.expects_continue
            body = IncomingBody(
                self.transport, self.flow, self.most_held_bytes, expects_continue=continues
            )
        writer = self._new_writer(scope, body, keep_alive=keep_alive)
        self.latest = transaction = Transaction(self.transport, head.values, body, writer)
        scope["extensions"] = {EXTENSION: transaction}
        if waits:
            self.flow.pause_reading()
            self._waiting.append((transaction, scope))
        else:
            self._start(transaction, scope)
        return transaction

    def _new_writer(
        self, scope: Scope, body: IncomingBody | None, *, keep_alive: bool
    ) -> ResponseWriter:
        method, version = scope["method"], scope["http_version"]
        log = None
        if self._logs_access:
            target = scope["path"], scope["query_string"]
            log = functools.partial(ACCESS_LOG.request, self.client, method, *target, version)
        return ResponseWriter(
            self.transport,
            self.flow,
            body,
            method=method,
            http_version=version,
            keep_alive=keep_alive,
            default_headers=self._state.default_headers,
            on_start=log,
            on_complete=self._go_on,
        )

    def _start(self, transaction: Transaction, scope: Scope) -> None:
        self._running = transaction
        task = self._loop.create_task(transaction.run(self._app, scope))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _go_on(self) -> None:
        """Start the next request that waits, or the idle timeout."""
        if self.transport.is_closing():
            return
        if self._waiting:
            self._start(*self._waiting.popleft())
        else:
            self.stop_keep_alive_timer()
            self._keep_alive_timer = self._loop.call_later(
                self._keep_alive_seconds, self.transport.close
            )
        if not self._waiting:
            # Not before the queue is empty: a flood of small requests would fill it.
            self.flow.resume_reading()

    def stop_keep_alive_timer(self) -> None:
        """Stop the idle timeout: the client has sent something."""
        if self._keep_alive_timer is not None:
            self._keep_alive_timer.cancel()
            self._keep_alive_timer = None

    def end_after_latest(self) -> bool:
        """End the connection behind the answers that are under way; return False if none is."""
        if self.latest is None or self.latest.writer.is_complete:
            return False
        self.latest.writer.keep_alive = False
        return True

    def lost(self) -> None:
        """Mark the running request as disconnected, and drop those that wait."""
        self.stop_keep_alive_timer()
        # What waits behind the running request has not been begun, and never will be.
        self._waiting.clear()
        running, self._running, self.latest = self._running, None, None
        if running is not None:
            running.disconnect()
        self.flow.resume_writing()
