"""The table of metrics: everything that is true of each, in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

PREFIX = "fake_apimart_"

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable for what several processes share."""

NO_OPERATION = "none"
"""The label of requests that no operation of the table is for."""
NO_STATUS = "none"
"""The label of requests that were cut before an answer began."""
CONTROL = "control"
"""The name under which calls of the control API and its pages are told of."""

REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""In seconds."""
_JOB_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Kind(Enum):
    """What can be told by a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `name` is without PREFIX, and without the `_total` of a counter."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    buckets: Sequence[float] = ()

    @property
    def shown_name(self) -> str:
        """The name as Prometheus has it."""
        return f"{PREFIX}{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"


TABLE = (
    Metric(
        "requests",
        Kind.COUNTER,
        ("operation", "status"),
        "Requests that have ended, by the status of their answer.",
    ),
    Metric(
        "cut_requests",
        Kind.COUNTER,
        ("operation",),
        "Requests whose connection ended before their answer did.",
    ),
    Metric(
        "request_duration_seconds",
        Kind.HISTOGRAM,
        ("operation",),
        "From a request's head to the end of its answer.",
        REQUEST_BUCKETS,
    ),
    Metric(
        "request_bytes", Kind.COUNTER, ("operation",), "Bytes of request bodies that were received."
    ),
    Metric(
        "response_bytes", Kind.COUNTER, ("operation",), "Bytes of the bodies of answers, as sent."
    ),
    Metric("open_connections", Kind.GAUGE, (), "Connections that are open."),
    Metric(
        "refused_connections",
        Kind.COUNTER,
        (),
        "Connections that were closed because too many were open.",
    ),
    Metric("worlds", Kind.GAUGE, (), "Worlds in memory, one for each API key in use."),
    Metric("storage_failures", Kind.COUNTER, ("call",), "Calls of the storage that failed."),
    Metric("callbacks_pending", Kind.GAUGE, (), "Callbacks that wait or are being sent."),
    Metric(
        "callbacks",
        Kind.COUNTER,
        ("outcome",),
        "Tries of callbacks: `delivered`, `refused` by a 4xx, to be `retried`, `failed` for good.",
    ),
    Metric(
        "image_jobs",
        Kind.GAUGE,
        ("job",),
        "Pictures that are being drawn or decoded, or wait for it.",
    ),
    Metric("decode_workers", Kind.GAUGE, (), "Processes that decode pictures, busy and idle."),
    Metric(
        "image_job_duration_seconds",
        Kind.HISTOGRAM,
        ("job",),
        "How long drawing and decoding took, waiting for a thread included.",
        _JOB_BUCKETS,
    ),
)
