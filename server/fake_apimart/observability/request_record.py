"""What a server tells of one request: who sent it, what it was, what became of it, what it cost."""

from __future__ import annotations

from typing import Any

Client = tuple[str, int] | None
"""Host and port of the peer."""


class RequestRecord:
    """One request, from its head to the end of its answer or of its connection.

    It is completed on the way: `request_id`, `operation` (of the table, empty where none is there),
    `world` (its name, which is a hash), `label` (what its user calls it), `reason` (of a refusal,
    or the name of a rule) by who finds out; `status` once an answer's head leaves, None before;
    `bytes_in` and `bytes_out` are of the bodies, as they came and left. `is_cut` says that the
    connection ended before the answer did. `started_ns` and `ended_ns` are Unix nanoseconds. `span`
    belongs to whoever traces requests.
    """

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "client",
        "ended_ns",
        "http_version",
        "is_cut",
        "label",
        "method",
        "operation",
        "path",
        "query",
        "reason",
        "request_id",
        "scheme",
        "span",
        "started_ns",
        "status",
        "world",
    )

    def __init__(
        self,
        started_ns: int,
        client: Client,
        method: str = "",
        path: str = "",
        query: bytes = b"",
        http_version: str = "",
        scheme: str = "http",
    ) -> None:
        self.started_ns = self.ended_ns = started_ns
        self.client = client
        self.method = method
        self.path = path
        self.query = query
        self.http_version = http_version
        self.scheme = scheme
        self.request_id = ""
        self.operation = ""
        self.world = ""
        self.label = ""
        self.reason = ""
        self.status: int | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.is_cut = False
        self.span: Any = None

    @property
    def duration_ns(self) -> int:
        """How long it took; a clock that was set back makes it no less than nothing."""
        return max(0, self.ended_ns - self.started_ns)
