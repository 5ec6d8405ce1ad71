"""A connection and its requests, which are answered one after another."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.server import ServerState

from fake_apimart.common.clock import SystemClock
from fake_apimart.http.flow_control import FlowControl
from fake_apimart.http.incoming_body import IncomingBody, high_water
from fake_apimart.http.request_head import address, to_scope
from fake_apimart.http.response_writer import ResponseWriter
from fake_apimart.http.transaction import EXTENSION, Transaction
from fake_apimart.net_http.request import Request
from fake_apimart.observability.access_log import AccessLog

ACCESS_LOG = AccessLog(SystemClock())


class Connection:
    """The state that lasts from request to request on one transport of a uvicorn server.

    `transaction` is the latest of so many `requests`. `on_idle` is called once it is answered, and
    another may begin.
    """

    def __init__(
        self,
        config: Config,
        state: ServerState,
        transport: asyncio.Transport,
        on_idle: Callable[[], None],
    ) -> None:
        self.transport = transport
        self.flow = FlowControl(transport)
        self.client = address(transport, "peername")
        self.transaction: Transaction | None = None
        self._server = address(transport, "sockname")
        self._app = config.loaded_app
        self._logs_access = config.access_log
        self._state = state
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self.requests = 0

    @property
    def is_answering(self) -> bool:
        """Whether the latest request has not had its whole answer."""
        return self.transaction is not None and not self.transaction.writer.is_complete

    @property
    def is_kept(self) -> bool:
        """Whether another request may follow the latest."""
        return self.transaction is None or self.transaction.writer.keep_alive

    @property
    def most_held_bytes(self) -> int:
        """How many bytes of a body may be held here for a reader, and are read at once."""
        return high_water(len(self._state.connections))

    def begin(self, request: Request) -> Transaction:
        """Have a request answered. The one before it must have its whole answer."""
        scope = to_scope(request)
        scope["server"], scope["client"] = self._server, self.client
        body = None
        if request.content_length != 0:
            body = IncomingBody(
                self.transport,
                self.flow,
                self.most_held_bytes,
                length=request.content_length,
                expects_continue=request.expects_continue,
            )
        self.requests += 1
        writer = self._new_writer(request, scope, body)
        self.transaction = transaction = Transaction(self.transport, request.values, body, writer)
        scope["extensions"] = {EXTENSION: transaction}
        task = self._loop.create_task(transaction.run(self._app, scope))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)
        return transaction

    def _new_writer(
        self, request: Request, scope: Scope, body: IncomingBody | None
    ) -> ResponseWriter:
        method = scope["method"]
        log = None
        if self._logs_access:
            target = scope["path"], scope["query_string"]
            version = scope["http_version"]
            log = functools.partial(ACCESS_LOG.request, self.client, method, *target, version)
        return ResponseWriter(
            self.transport,
            self.flow,
            body,
            method=method,
            is_http_1_0=request.is_http_1_0,
            keep_alive=not request.closes,
            default_headers=self._state.default_headers,
            on_start=log,
            on_complete=self._completed,
        )

    def _completed(self) -> None:
        """Let another request begin."""
        if self.transaction is not None:
            self.transaction.completed()
        if self.is_kept and not self.transport.is_closing():
            self._on_idle()

    def end_after_answer(self) -> bool:
        """End the connection behind the answer that is under way; return False if none is."""
        if self.transaction is None or self.transaction.writer.is_complete:
            return False
        self.transaction.end_connection()
        return True

    def lost(self) -> None:
        """Mark the request as disconnected."""
        # It refers to the protocol: the two would wait for the garbage collector.
        self._on_idle = _do_nothing
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            transaction.disconnect()
        self.flow.resume_writing()


def _do_nothing() -> None:
    """Stand in for what is no longer to be called."""
