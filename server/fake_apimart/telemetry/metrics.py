"""Metrics in the form of Prometheus, by its own client library.

Each server has a registry of its own, so that several in one process never add up. Several
processes of one machine do where `PROMETHEUS_MULTIPROC_DIR` names a folder that they share, as the
library documents it. Labels hold names of tables and statuses, never a key or a world.

This module is imported only where metrics are wanted: the library takes a tenth of the start.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    multiprocess,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase

from fake_apimart.observability.request_record import RequestRecord
from fake_apimart.telemetry.metrics_table import (
    NO_OPERATION,
    NO_STATUS,
    PREFIX,
    REQUEST_BUCKETS,
    SHARED_FOLDER,
    TABLE,
    Kind,
    Metric,
)

MOST_UNCOUNTED = 500
"""How many requests wait to be counted together, which then takes a third of a millisecond."""

_NANOSECONDS = 1_000_000_000
_Instrument = TypeVar("_Instrument", bound=MetricWrapperBase)


class _Histogram(Histogram):
    """Takes many observations at once."""

    def add(self, buckets: Sequence[int], total: float) -> None:
        """Add so many observations in each bucket, which are `total` together."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, buckets, strict=True):
            if count:
                bucket.inc(count)


class _Sum:
    """What requests of one operation and status have in common."""

    __slots__ = ("buckets", "bytes_in", "bytes_out", "cut", "requests", "seconds")

    def __init__(self) -> None:
        self.requests = self.cut = self.bytes_in = self.bytes_out = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(REQUEST_BUCKETS) + 1)


class Metrics:
    """The metrics of one server, with a registry of its own."""

    def __init__(self) -> None:
        self.is_shared = SHARED_FOLDER in os.environ
        self._registry = CollectorRegistry()
        self._instruments = {each.name: self._instrument(each) for each in TABLE}
        self._ended: list[tuple[str, int | None, bool, int, int, int]] = []
        self._samples: dict[str, Callable[[], float]] = {}
        self.refused_connections = self._get("refused_connections", Counter)
        self._requests = self._get("requests", Counter)
        self._cut = self._get("cut_requests", Counter)
        self._seconds = self._get("request_duration_seconds", _Histogram)
        self._bytes_in = self._get("request_bytes", Counter)
        self._bytes_out = self._get("response_bytes", Counter)
        if not self.is_shared:
            ProcessCollector(registry=self._registry)
            PlatformCollector(registry=self._registry)
            GCCollector(registry=self._registry)

    def _instrument(self, metric: Metric) -> MetricWrapperBase:
        name, labels = f"{PREFIX}{metric.name}", metric.labels
        if metric.kind is Kind.COUNTER:
            return Counter(name, metric.meaning, labels, registry=self._registry)
        if metric.kind is Kind.HISTOGRAM:
            return _Histogram(
                name, metric.meaning, labels, buckets=metric.buckets, registry=self._registry
            )
        return Gauge(
            name, metric.meaning, labels, registry=self._registry, multiprocess_mode="livesum"
        )

    def _get(self, name: str, kind: type[_Instrument]) -> _Instrument:
        instrument = self._instruments[name]
        assert isinstance(instrument, kind)
        return instrument

    def ended(self, record: RequestRecord) -> None:
        """Count a request."""
        self._ended.append(
            (
                record.operation,
                record.status,
                record.is_cut,
                record.bytes_in,
                record.bytes_out,
                record.duration_ns,
            )
        )
        if len(self._ended) >= MOST_UNCOUNTED:
            self._count_ended()

    def storage_failed(self, call: str) -> None:
        """Count a call of the storage that failed."""
        self._get("storage_failures", Counter).labels(call).inc()

    def callback_ended(self, outcome: str) -> None:
        """Count a try to deliver a callback."""
        self._get("callbacks", Counter).labels(outcome).inc()

    def image_job_began(self, job: str) -> None:
        """Count work on a picture that is to be done."""
        self._get("image_jobs", Gauge).labels(job).inc()

    def image_job_ended(self, job: str, seconds: float) -> None:
        """Count work on a picture that has taken so many seconds, waiting included."""
        self._get("image_jobs", Gauge).labels(job).dec()
        self._get("image_job_duration_seconds", Histogram).labels(job).observe(seconds)

    def sample(self, name: str, value: Callable[[], float]) -> None:
        """Have the gauge `name` read from `value` whenever it is asked for."""
        self._samples[name] = value

    def refresh(self) -> None:
        """Bring up to date what is not counted as it happens."""
        self._count_ended()
        for name, value in self._samples.items():
            self._get(name, Gauge).set(value())

    def _count_ended(self) -> None:
        """Add requests to the counters, many at once: one by one they would cost much more."""
        ended, self._ended = self._ended, []
        sums: dict[tuple[str, int | None], _Sum] = {}
        for operation, status, is_cut, bytes_in, bytes_out, duration_ns in ended:
            found = sums.get((operation, status))
            if found is None:
                found = sums[operation, status] = _Sum()
            found.requests += 1
            found.cut += is_cut
            found.bytes_in += bytes_in
            found.bytes_out += bytes_out
            seconds = duration_ns / _NANOSECONDS
            found.seconds += seconds
            found.buckets[bisect_left(REQUEST_BUCKETS, seconds)] += 1
        for (operation, status), found in sums.items():
            self._add(found, operation or NO_OPERATION, str(status or NO_STATUS))

    def _add(self, found: _Sum, operation: str, status: str) -> None:
        self._requests.labels(operation, status).inc(found.requests)
        self._cut.labels(operation).inc(found.cut)
        self._bytes_in.labels(operation).inc(found.bytes_in)
        self._bytes_out.labels(operation).inc(found.bytes_out)
        self._seconds.labels(operation).add(found.buckets, found.seconds)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the form that an `Accept` header asks for, and its media type.

        With several processes this reads files.
        """
        try:
            encode, media_type = choose_encoder(accept)
        except (TypeError, ValueError):
            # It compares versions that are none.
            encode, media_type = choose_encoder("")
        registry = self._registry
        if self.is_shared:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return encode(registry), media_type

    def close(self) -> None:
        """Leave what this process has counted to the others, and its gauges to nobody."""
        if self.is_shared:
            self.refresh()
            multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
