"""Traces by OpenTelemetry: a span for each request, and for what is slow within it.

Spans are exported by a thread of the SDK's own, in batches. A collector that does not answer costs
spans, and nothing else: what waits is bounded, and the stop does not wait for it.

This module is imported only where traces are wanted. Names of attributes are those of the semantic
conventions for HTTP, and `fake_apimart.…` where these have none.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextvars import Token
from typing import Any

from fake_apimart_testing.version import __version__
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fake_apimart.common.clock import Clock
from fake_apimart.common.redaction import redacted_text
from fake_apimart.observability.log import logger_of
from fake_apimart.observability.log_form import shown_path
from fake_apimart.observability.request_record import RequestRecord
from fake_apimart.observability.seldom import SeldomLine

SERVICE_NAME = "fake-apimart"
CLOSE_SECONDS = 1.0
"""How long the last spans may take to be exported at the end."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
_FIRST_SERVER_ERROR = 500
_NANOSECONDS = 1_000_000_000

_UNEXPORTED = SeldomLine(logger_of(__name__), "%d batch(es) of spans could not be exported")

Headers = Mapping[bytes, bytes]


class _HeaderGetter(Getter[Headers]):
    def get(self, carrier: Headers, key: str) -> list[str] | None:
        value = carrier.get(key.encode())
        return None if value is None else [value.decode("latin-1")]

    def keys(self, carrier: Headers) -> list[str]:
        return [name.decode("latin-1") for name in carrier]


class _SeldomComplaining(SpanExporter):
    """Exports by `exporter`, and says once a minute what could not be exported."""

    def __init__(self, exporter: SpanExporter, clock: Clock) -> None:
        self._exporter = exporter
        self._clock = clock

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001
            # As where the collector refuses them.
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            _UNEXPORTED.note(self._clock.time_ns() / _NANOSECONDS)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class Tracing:
    """The traces of one server, exported as the variables of `environment` say.

    Raises whatever the SDK does where it cannot use these.
    """

    def __init__(self, environment: Mapping[str, str], clock: Clock) -> None:
        self._provider = TracerProvider(resource=_resource(environment), shutdown_on_exit=False)
        exporter = _SeldomComplaining(OTLPSpanExporter(), clock)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("fake_apimart", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._getter = _HeaderGetter()

    def begin_request(self, record: RequestRecord, headers: Headers) -> Token[Context]:
        """Begin the span of a request, in the trace that its headers name; what follows is in it.

        `leave_request` must follow, where this was called.
        """
        parent = self._propagator.extract(headers, getter=self._getter)
        record.span = span = self._tracer.start_span(
            _method(record), parent, SpanKind.SERVER, start_time=record.started_ns
        )
        return context.attach(trace.set_span_in_context(span, parent))

    def leave_request(self, token: Token[Context]) -> None:
        """Let what follows be in no span of this request."""
        context.detach(token)

    def ended(self, record: RequestRecord) -> None:
        """End the span of a request."""
        span: Span = record.span
        if span.is_recording():
            span.update_name(record.operation or _method(record))
            span.set_attributes(_attributes(record))
            if record.is_cut or (record.status or 0) >= _FIRST_SERVER_ERROR:
                span.set_status(Status(StatusCode.ERROR, redacted_text(record.reason) or None))
        span.end(record.ended_ns)

    def begin(self, name: str) -> Span:
        """Begin a span of something within a request."""
        return self._tracer.start_span(name)

    def place(self) -> Context:
        """Return the context of whoever calls this."""
        return context.get_current()

    def begin_sending(self, place: Context | None) -> Span:
        """Begin the span of a callback, in the trace that has `place`, or in one of its own."""
        attributes = {"http.request.method": "POST"}
        parent = Context() if place is None else place
        return self._tracer.start_span("callback", parent, SpanKind.CLIENT, attributes)

    def end(self, span: Span, failure: Exception | None = None) -> None:
        """End a span that `begin` has returned."""
        if failure is not None:
            span.set_attribute("error.type", type(failure).__name__)
            span.set_status(Status(StatusCode.ERROR, redacted_text(str(failure))))
        span.end()

    def headers_of(self, span: Span) -> dict[str, str]:
        """Return the headers that tell another server of which trace its request is."""
        headers: dict[str, str] = {}
        self._propagator.inject(headers, trace.set_span_in_context(span, Context()))
        return headers

    def close(self) -> None:
        """Export what is left, for CLOSE_SECONDS at most. It may be called in any thread."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def _resource(environment: Mapping[str, str]) -> Resource:
    named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    own: dict[str, Any] = {} if named else {"service.name": SERVICE_NAME}
    return Resource.create({**own, "service.version": __version__})


def _method(record: RequestRecord) -> str:
    """Return the method as spans are named by it; clients may send any word."""
    return record.method if record.method in _METHODS else "HTTP"


def _attributes(record: RequestRecord) -> dict[str, str | int | bool]:
    is_known = record.method in _METHODS
    found: dict[str, str | int | bool | None] = {
        "http.request.method": record.method if is_known else "_OTHER",
        "http.request.method_original": None if is_known else redacted_text(record.method),
        "http.response.status_code": record.status,
        "http.request.body.size": record.bytes_in,
        "http.response.body.size": record.bytes_out,
        "network.protocol.name": "http",
        "network.protocol.version": record.http_version,
        "url.scheme": record.scheme,
        "url.path": shown_path(record.path),
        "client.address": record.client[0] if record.client else None,
        "error.type": _error_type(record),
        "fake_apimart.operation": record.operation or None,
        "fake_apimart.request_id": record.request_id or None,
        "fake_apimart.world": record.world or None,
        "fake_apimart.label": redacted_text(record.label) or None,
        "fake_apimart.reason": redacted_text(record.reason) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _error_type(record: RequestRecord) -> str | None:
    if record.is_cut:
        return "cut"
    status = record.status or 0
    return str(status) if status >= _FIRST_SERVER_ERROR else None
