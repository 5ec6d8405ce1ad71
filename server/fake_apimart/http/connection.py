"""A connection and its requests, which are answered one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.server import ServerState

from fake_apimart.http.flow_control import FlowControl
from fake_apimart.http.incoming_body import IncomingBody, high_water
from fake_apimart.http.request_head import address, to_scope
from fake_apimart.http.response_writer import ResponseWriter
from fake_apimart.http.transaction import EXTENSION, Transaction
from fake_apimart.net_http.request import Request
from fake_apimart.observability.request_record import RequestRecord
from fake_apimart.telemetry.telemetry import Telemetry

STATUS_DIGITS = 3


class Connection:
    """The state that lasts from request to request on one transport of a uvicorn server.

    `transaction` is the latest of so many `requests`. `on_idle` is called once it is answered, and
    another may begin. `telemetry` is told of each.
    """

    def __init__(
        self,
        config: Config,
        state: ServerState,
        transport: asyncio.Transport,
        on_idle: Callable[[], None],
        telemetry: Telemetry,
    ) -> None:
        self.transport = transport
        self.flow = FlowControl(transport)
        self.client = address(transport, "peername")
        self.transaction: Transaction | None = None
        self._server = address(transport, "sockname")
        self._app = config.loaded_app
        self._telemetry = telemetry
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
        record = self._record_of(scope)
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
        writer = self._new_writer(request, body, record)
        self.transaction = transaction = Transaction(
            self.transport, request.values, body, writer, record
        )
        scope["extensions"] = {EXTENSION: transaction}
        task = self._loop.create_task(transaction.run(self._app, scope))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)
        return transaction

    def tell_of_refused(self, request: Request | None, status: str, text: str) -> None:
        """Tell of what is no request, or of one that is refused by its head."""
        record = self._record_of(to_scope(request)) if request else self._unknown()
        record.status, record.reason = int(status[:STATUS_DIGITS]), text or status
        record.bytes_out = len(text)
        self._telemetry.ended(record)

    def tell_of_cut_head(self) -> None:
        """Tell of a request of which not even the head has come whole."""
        record = self._unknown()
        record.is_cut = True
        self._telemetry.ended(record)

    def _unknown(self) -> RequestRecord:
        return RequestRecord(self._telemetry.clock.time_ns(), self.client)

    def _record_of(self, scope: Scope) -> RequestRecord:
        """Return what is known of a request at its beginning."""
        return RequestRecord(
            self._telemetry.clock.time_ns(),
            self.client,
            scope["method"],
            scope["path"],
            scope["query_string"],
            scope["http_version"],
        )

    def _new_writer(
        self, request: Request, body: IncomingBody | None, record: RequestRecord
    ) -> ResponseWriter:
        return ResponseWriter(
            self.transport,
            self.flow,
            body,
            method=request.method.decode("ascii"),
            is_http_1_0=request.is_http_1_0,
            keep_alive=not request.closes,
            default_headers=self._state.default_headers,
            record=record,
            on_sent=self._sent,
            on_complete=self._completed,
        )

    def _sent(self) -> None:
        if self.transaction is not None:
            self._ended(self.transaction)

    def _completed(self) -> None:
        """Let another request begin."""
        if self.transaction is not None:
            self.transaction.completed()
        if self.is_kept and not self.transport.is_closing():
            self._on_idle()

    def _ended(self, transaction: Transaction) -> None:
        """Tell of a request that has its answer, or will never have it."""
        record = transaction.record
        if transaction.body is not None:
            record.bytes_in = transaction.body.received_bytes
        self._telemetry.ended(record)

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
            if not transaction.writer.is_sent:
                transaction.record.is_cut = True
                self._ended(transaction)
            transaction.disconnect()
        self.flow.resume_writing()


def _do_nothing() -> None:
    """Stand in for what is no longer to be called."""
