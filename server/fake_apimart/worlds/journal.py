"""The journal of a world: one entry per request, with its outcome, bounded in number and bytes."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fake_apimart.common.addresses import without_passwords
from fake_apimart.contract.api_key import QUERY, is_read_in_query, redacted
from fake_apimart.contract.operations import BY_NAME
from fake_apimart.go.json import marshal_exactly, unmarshal
from fake_apimart.go.url import parse_query

MAX_ENTRIES = 1000
"""Entries per journal; the oldest is evicted first."""
MAX_BYTES = 64 * 1024 * 1024
"""Estimated size of all journals of a server together."""
BODY_BYTES = 8 * 1024
"""Prefix of a JSON body that is kept."""
MAX_BODY_DEPTH = 100
"""How deep a JSON body may be nested that is shown as JSON: parsers of clients have limits."""
HEAD_BYTES = 8 * 1024
"""Largest request head that is kept."""

_ENTRY_BYTES = 1500
"""Estimated fixed size of an entry."""
_PAIR_BYTES = 100
"""Estimated overhead of a header."""

_NO_HEADERS: Mapping[bytes, list[bytes]] = {}

Pairs = Sequence[tuple[bytes, bytes]]


class Entry:
    """One request. None means unknown or not applicable."""

    __slots__ = (
        "body",
        "body_bytes",
        "bytes",
        "content_type",
        "duration_ns",
        "error",
        "fault",
        "file_key",
        "filename",
        "head_bytes",
        "headers",
        "id",
        "method",
        "operation",
        "part_headers",
        "path",
        "query",
        "sha256",
        "size",
        "started_ns",
        "status",
        "task_id",
        "time_ns",
        "unread",
    )

    def __init__(self, operation: str | None, method: str, path: str, started_ns: int = 0) -> None:
        self.id = 0
        self.bytes = 0
        self.started_ns = started_ns
        self.operation = operation
        self.method = method
        self.path = path
        self.query = b""
        self.time_ns = 0
        self.duration_ns = 0
        self.status: int | None = None
        self.error: str | None = None
        self.fault: str | None = None
        self.headers: Pairs = ()
        self.head_bytes = 0
        self.file_key: str | None = None
        self.filename: str | None = None
        self.content_type: str | None = None
        self.size: int | None = None
        self.sha256: str | None = None
        self.part_headers = _NO_HEADERS
        self.task_id: str | None = None
        self.body: bytes | None = None
        self.body_bytes = 0
        self.unread: Sequence[str] = ()

    def record_body(self, body: bytes) -> None:
        """Keep the first BODY_BYTES of a JSON body."""
        self.body = body[:BODY_BYTES]
        self.body_bytes = len(body)

    def record_headers(self, headers: Pairs) -> None:
        """Keep the headers, unless they are larger than HEAD_BYTES."""
        size = sum(map(len, itertools.chain.from_iterable(headers)))
        if size <= HEAD_BYTES:
            self.headers, self.head_bytes = headers, size

    def estimate_bytes(self) -> int:
        """Estimate the entry's memory; every field whose size a client controls is counted."""
        pairs = len(self.headers) + len(self.part_headers)
        total = _ENTRY_BYTES + _PAIR_BYTES * pairs + self.head_bytes
        for text in (self.path, self.query, self.body, self.filename, self.error, self.file_key):
            if text:
                total += len(text)
        total += sum(map(len, self.unread))
        for name, values in self.part_headers.items():
            total += len(name) + sum(map(len, values))
        return total

    def to_json(self) -> dict[str, Any]:
        """Return the entry in the control API's form; times are Unix seconds, durations seconds."""
        return {
            "id": self.id,
            "time": self.time_ns / 1e9,
            "operation": self.operation,
            "method": self.method,
            "path": without_passwords(_printable(self.path)),
            "status": self.status,
            "duration": self.duration_ns / 1e9,
            "error": self.error and without_passwords(self.error),
            "fault": self.fault,
            "task_id": self.task_id,
            "file": self.file_key and self.file_key.partition("/")[2],
            "filename": self.filename and _printable(self.filename),
            "content_type": self.content_type,
            "size": self.size,
            "sha256": self.sha256,
            "headers": redacted(_decode(self.headers)),
            "part_headers": {
                name.decode("latin-1"): b", ".join(values).decode("latin-1")
                for name, values in self.part_headers.items()
            },
            "body": self._body_to_json(),
            "body_bytes": self.body_bytes,
            "unread_fields": [*self.unread, *self._unread_queries()],
        }

    def _body_to_json(self) -> Any:
        """Return the parsed body, or what is kept of it as text if clients could not read it back.

        That is where it does not parse, is nested deeper than MAX_BODY_DEPTH, or holds numbers that
        are too large for a float.
        """
        if self.body is None:
            return None
        text = without_passwords(self.body.decode("utf-8", "surrogateescape"))
        body = text.encode("utf-8", "surrogateescape")
        try:
            written = marshal_exactly(unmarshal(body, MAX_BODY_DEPTH)).decode()
        except ValueError:
            return body.decode("utf-8", "replace")
        # Written anew, a URL has no escapes any more that hide what it is.
        return unmarshal(without_passwords(written).encode(), MAX_BODY_DEPTH)

    def _unread_queries(self) -> Iterator[str]:
        read = BY_NAME[self.operation].queries if self.operation else ()
        if is_read_in_query(self.path):
            read = (*read, QUERY)
        for name, _ in parse_query(self.query):
            text = name.decode("utf-8", "replace")
            if text not in read:
                yield f"?{without_passwords(text)}"


def _printable(text: str) -> str:
    """Replace surrogate escapes, which stand for bytes that are not UTF-8, by U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _decode(headers: Pairs) -> dict[str, str]:
    return {
        name.decode("latin-1"): without_passwords(value.decode("latin-1"))
        for name, value in headers
    }


class Journal:
    """The latest entries of a world, newest last; `bytes` is their estimated size."""

    __slots__ = ("bytes", "entries")

    _ids = itertools.count(1)

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.bytes = 0

    def add(self, entry: Entry) -> int:
        """Append an entry and return the journal's growth in bytes."""
        before = self.bytes
        entry.id = next(self._ids)
        entry.bytes = entry.estimate_bytes()
        self.entries.append(entry)
        self.bytes += entry.bytes
        if len(self.entries) > MAX_ENTRIES:
            self.drop_oldest()
        return self.bytes - before

    def update(self, entry: Entry) -> int:
        """Measure an entry that has changed, and return the journal's growth in bytes."""
        if entry not in self.entries:
            return 0
        before, entry.bytes = entry.bytes, entry.estimate_bytes()
        self.bytes += entry.bytes - before
        return entry.bytes - before

    def drop_oldest(self) -> int:
        """Remove the oldest entry and return the bytes freed."""
        freed = self.entries.popleft().bytes
        self.bytes -= freed
        return freed

    def clear(self) -> int:
        """Remove all entries and return the bytes freed."""
        freed, self.bytes = self.bytes, 0
        self.entries.clear()
        return freed

    def matching(self, predicate: Callable[[Entry], bool]) -> list[Entry]:
        """Return the entries that satisfy `predicate`, oldest first."""
        return [entry for entry in self.entries if predicate(entry)]
