"""One request in the journal: what was sent and what was answered, each part within its bounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Protocol

from fake_apimart.common.held_bytes import held_bytes, held_bytes_of_leaves
from fake_apimart.common.redaction import (
    beginning_of,
    redacted_query,
    redacted_text,
    redacted_urls,
)
from fake_apimart.contract.api_key import QUERY, is_read_in_query
from fake_apimart.contract.operations import BY_NAME
from fake_apimart.go.json import marshal
from fake_apimart.go.url import parse_query
from fake_apimart.worlds.kept import BODY_BYTES, KeptAnswer, Pairs, headers_of, json_of, lines_of

MAX_ENTRIES = 1000
"""Entries of a world's journal; the oldest is evicted first."""
TEXT_LENGTH = 8 * 1024
"""Prefix of a path, a query, a file's name and the like that is kept."""
NAME_BYTES = 100
"""Prefix of a field's name that is kept."""
MAX_NAMES = 20
"""How many names of unread fields are kept, of the body and of the query each."""


class Sought(Protocol):
    """What an entry is looked for by."""

    @property
    def id(self) -> int: ...

    @property
    def operation(self) -> str | None: ...

    @property
    def status(self) -> int | None: ...


class Journaled(Sought, Protocol):
    """An entry of the journal, as those who read it see it."""

    @property
    def file_key(self) -> str | None: ...

    sha256: str | None
    world: str
    """The name of the world in whose journal it is."""

    def to_json(self) -> dict[str, Any]:
        """Return the entry in the control API's form, without secrets."""

    def to_text(self) -> bytes:
        """Return the same as JSON."""


Includes = Callable[[Sought], bool]
"""Says whether an entry is looked for."""

_MAX_LENGTHS = {
    "method": NAME_BYTES,
    "task_id": NAME_BYTES,
    "path": TEXT_LENGTH,
    "query": TEXT_LENGTH,
    "error": TEXT_LENGTH,
    "file_key": TEXT_LENGTH,
    "filename": TEXT_LENGTH,
    "content_type": TEXT_LENGTH,
}
"""The parts that a client can make as long as it likes."""
_FIXED_BYTES = 500
"""What an entry takes without these, its body, headers and names."""
# In one step each, since each request is measured.
_long_parts = attrgetter(*_MAX_LENGTHS)
_parts = attrgetter(*_MAX_LENGTHS, "body", "headers", "part_headers")


class Entry:
    """One request. None means unknown or not applicable.

    Headers are kept in one piece: as many small objects they would take ten times the memory.
    """

    __slots__ = (
        "answer",
        "body",
        "body_bytes",
        "bytes",
        "content_type",
        "duration_ns",
        "error",
        "fault",
        "file_key",
        "filename",
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
        "world",
    )

    def __init__(self, operation: str | None, method: str, path: str, started_ns: int = 0) -> None:
        self.id = 0
        self.world = ""
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
        self.headers = b""
        self.file_key: str | None = None
        self.filename: str | None = None
        self.content_type: str | None = None
        self.size: int | None = None
        self.sha256: str | None = None
        self.part_headers = b""
        self.task_id: str | None = None
        self.body: bytes | None = None
        self.body_bytes = 0
        self.unread: Sequence[str] = ()
        self.answer: KeptAnswer | None = None

    def record_body(self, body: bytes) -> None:
        """Keep the first BODY_BYTES of a JSON body."""
        self.body = body[:BODY_BYTES]
        self.body_bytes = len(body)

    def record_headers(self, headers: Pairs) -> None:
        """Keep the headers, unless they are larger than a head may be."""
        self.headers = lines_of(headers)

    def record_part_headers(self, headers: Mapping[bytes, Sequence[bytes]]) -> None:
        """Keep the headers of the form's part with the file, unless they are larger."""
        self.part_headers = lines_of((name, b", ".join(each)) for name, each in headers.items())

    def record_unread(self, names: Iterable[str]) -> None:
        """Keep the names of fields that nothing reads, the first MAX_NAMES of them."""
        shown = (redacted_urls(name[:TEXT_LENGTH]) for name in islice(names, MAX_NAMES))
        self.unread = tuple(map(_cut_name, shown))

    def measure(self) -> None:
        """Cut what is too long to be kept, and set `bytes` to the memory that the rest takes."""
        for name, value in zip(_MAX_LENGTHS, _long_parts(self), strict=True):
            if value and len(value) > _MAX_LENGTHS[name]:
                setattr(self, name, _cut(value, _MAX_LENGTHS[name]))
        self.bytes = _FIXED_BYTES + held_bytes_of_leaves(_parts(self))
        if self.unread:
            self.bytes += held_bytes(self.unread)
        if self.answer is not None:
            self.bytes += self.answer.memory_bytes

    def to_json(self) -> dict[str, Any]:
        """Return the entry in the control API's form; times are Unix seconds, durations seconds."""
        answer = self.answer and json.loads(self.answer.to_text())
        return {"id": self.id, "world": self.world, **self._content(), "answer": answer}

    def to_text(self) -> bytes:
        """Return the same as JSON."""
        return b'{"id":%d,"world":%b,%b' % (self.id, marshal(self.world), self.content()[1:])

    def content(self) -> bytes:
        """Return the entry as `to_text` does, without its id and the name of its world."""
        answer = b"null" if self.answer is None else self.answer.to_text()
        return b'%b,"answer":%b}' % (marshal(self._content())[:-1], answer)

    def _content(self) -> dict[str, Any]:
        return {
            "time": self.time_ns / 1e9,
            "operation": self.operation,
            "method": self.method,
            "path": redacted_text(_printable(self.path)),
            "query": redacted_query(self.query).decode("utf-8", "replace"),
            "status": self.status,
            "duration": self.duration_ns / 1e9,
            "error": self.error and redacted_text(self.error),
            "fault": self.fault,
            "task_id": self.task_id and redacted_text(_printable(self.task_id)),
            "file": self.file_key and self.file_key.partition("/")[2],
            "filename": self.filename and _printable(self.filename),
            "content_type": self.content_type,
            "size": self.size,
            "sha256": self.sha256,
            "headers": headers_of(self.headers),
            "part_headers": headers_of(self.part_headers),
            "body": None if self.body is None else json_of(self.body),
            "body_bytes": self.body_bytes,
            "unread_fields": [*self.unread, *self._unread_queries()],
        }

    def _unread_queries(self) -> Iterator[str]:
        read = BY_NAME[self.operation].queries if self.operation else ()
        if is_read_in_query(self.path):
            read = (*read, QUERY)
        names = (name.decode("utf-8", "replace") for name, _ in parse_query(self.query))
        for name in islice((name for name in names if name not in read), MAX_NAMES):
            yield f"?{_cut_name(redacted_text(name))}"


def _printable(text: str) -> str:
    """Replace surrogate escapes, which stand for bytes that are not UTF-8, by U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _cut(text: str | bytes, length: int) -> str | bytes:
    """Return the prefix of a text, without the part of a URL or a parameter that may be secret."""
    if isinstance(text, str):
        return beginning_of(text, length)
    whole, ampersand, cut = text[:length].rpartition(b"&")
    return whole + ampersand + cut.partition(b"=")[0]


def _cut_name(name: str) -> str:
    """Return the prefix of a name in NAME_BYTES of UTF-8, with `?` for what is no text."""
    return name[:NAME_BYTES].encode("utf-8", "replace")[:NAME_BYTES].decode("utf-8", "ignore")
