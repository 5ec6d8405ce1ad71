"""Where a server tells what happens: to its log, its metrics and its traces, as far as it has them.

Each of them is there or is not. Nothing is collected for one that is not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fake_apimart_storage import PresigningStorage, Storage, StorageError

from fake_apimart.common.clock import Clock, SystemClock
from fake_apimart.observability.request_record import RequestRecord
from fake_apimart.telemetry.observed_storage import ObservedPresigningStorage, ObservedStorage

if TYPE_CHECKING:
    from fake_apimart.telemetry.metrics import Metrics
    from fake_apimart.telemetry.tracing import Tracing

_NANOSECONDS = 1_000_000_000


class Telemetry:
    """What one server tells of itself.

    `log_request` writes the line of a request. `clock` is the machine's, whatever time its worlds
    have: what is told is compared with what other programs tell.
    """

    def __init__(
        self,
        log_request: Callable[[RequestRecord], None] | None = None,
        metrics: Metrics | None = None,
        tracing: Tracing | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.log_request = log_request
        self.metrics = metrics
        self.tracing = tracing
        self.clock = clock or SystemClock()

    def ended(self, record: RequestRecord) -> None:
        """Tell of a request that has its whole answer, or whose connection is lost."""
        record.ended_ns = self.clock.time_ns()
        if self.metrics is not None:
            self.metrics.ended(record)
        if record.span is not None and self.tracing is not None:
            self.tracing.ended(record)
        if self.log_request is not None:
            self.log_request(record)

    @contextlib.contextmanager
    def within(self, record: RequestRecord, headers: Mapping[bytes, bytes]) -> Iterator[None]:
        """Trace what the block does as part of a request, in the trace that its headers name."""
        if self.tracing is None:
            yield
            return
        token = self.tracing.begin_request(record, headers)
        try:
            yield
        finally:
            self.tracing.leave_request(token)

    def refused_connection(self) -> None:
        """Tell of a connection that was closed because too many were open."""
        if self.metrics is not None:
            self.metrics.refused_connections.inc()

    def sample(self, name: str, value: Callable[[], float]) -> None:
        """Have a gauge of the table of metrics read from `value` whenever it is asked for."""
        if self.metrics is not None:
            self.metrics.sample(name, value)

    def observed(self, storage: Storage) -> Storage:
        """Return `storage`, its failures counted and its calls traced where anybody wants that."""
        if self.metrics is None and self.tracing is None:
            return storage
        if isinstance(storage, PresigningStorage):
            return ObservedPresigningStorage(storage, self)
        return ObservedStorage(storage, self)

    @contextlib.contextmanager
    def image_job(self, job: str) -> Iterator[None]:
        """Tell of work on a picture, which the block waits for."""
        began_ns = self.clock.time_ns()
        span = None if self.tracing is None else self.tracing.begin(f"image.{job}")
        metrics = self.metrics
        if metrics is not None:
            metrics.image_job_began(job)
        try:
            yield
        finally:
            if metrics is not None:
                seconds = max(0, self.clock.time_ns() - began_ns) / _NANOSECONDS
                metrics.image_job_ended(job, seconds)
            if self.tracing is not None and span is not None:
                self.tracing.end(span)

    def callback_ended(self, outcome: str) -> None:
        """Tell what became of a try to deliver a callback."""
        if self.metrics is not None:
            self.metrics.callback_ended(outcome)

    def place(self) -> Any:
        """Return where in which trace this is called, for what is done about it later."""
        return None if self.tracing is None else self.tracing.place()

    @contextlib.contextmanager
    def sending(self, place: Any) -> Iterator[Mapping[str, str]]:
        """Trace the block, which sends a callback that a request at `place` has caused.

        Yield the headers by which the receiver can go on with the trace.
        """
        if self.tracing is None:
            yield {}
            return
        span = self.tracing.begin_sending(place)
        try:
            yield self.tracing.headers_of(span)
        except Exception as error:
            self.tracing.end(span, error)
            raise
        self.tracing.end(span)

    @property
    def follows_reads(self) -> bool:
        """Whether storage calls are timed; a read that fails is a cut request anyway."""
        return self.tracing is not None

    def storage_call_began(self, call: str) -> Any:
        return None if self.tracing is None else self.tracing.begin(f"storage.{call}")

    def storage_call_ended(self, call: str, began: Any, failure: StorageError | None) -> None:
        if failure is not None and self.metrics is not None:
            self.metrics.storage_failed(call)
        if self.tracing is not None:
            self.tracing.end(began, failure)
