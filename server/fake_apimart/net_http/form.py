"""`http.Request.FormFile`: one file of a multipart form, streamed as it arrives.

Like `multipart.Reader.ReadForm` it reads every part to the end of the form, so that an error
after the file counts too, and enforces Go's limits on a form. Unlike Go it stores no data: the
file's data goes to a callback, and that of other parts is only counted.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from python_multipart.exceptions import MultipartParseError

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.go import path
from fake_apimart.go.delimiters import Data
from fake_apimart.go.mime import MediaTypeError, parse_media_type
from fake_apimart.go.multipart import MultipartReader
from fake_apimart.go.textproto import EOF, MESSAGE_TOO_LARGE

NOT_MULTIPART = "request Content-Type isn't multipart/form-data"
NO_BOUNDARY = "no multipart boundary param in Content-Type"
NO_SUCH_FILE = "http: no such file"
BODY_TOO_LARGE = "http: request body too large"

MAX_PARTS = 1000
"""Parts per form."""
MAX_HEADERS = 10_000
"""Header lines of all file parts together."""
MAX_UNREAD_NAMES = 20
"""Names of other parts that are reported."""
MAX_UNREAD_NAME_BYTES = 100
"""Prefix of such a name that is reported."""
FILE_MEMORY_BYTES = 32 * 1024 * 1024
"""File data that Go keeps in memory; larger files go to disk."""
VALUE_MEMORY_BYTES = 10 * 1024 * 1024
"""Memory that Go grants a form beyond FILE_MEMORY_BYTES."""
ENTRY_BYTES = 200
"""Go's estimated overhead of a map entry."""
HEADER_BYTES = 400
"""Go's estimated overhead of a part's header."""
FILE_HEADER_BYTES = 100
"""Go's estimated overhead of a file."""

# A fast path for the form that nearly all clients send; their boundaries differ by request, so a
# cache would not help.
_COMMON_TYPE = re.compile(rb"multipart/form-data; ?boundary=([-0-9A-Za-z_.+]+)")

FileData = Callable[[Data, int, int], None]
"""Called with `data, start, end` for each piece of the file."""


def boundary_of(content_type: bytes) -> bytes:
    """Return the boundary in a Content-Type. Raises MultipartParseError with Go's error text."""
    if common := _COMMON_TYPE.fullmatch(content_type):
        return common[1]
    try:
        media_type, parameters = parse_media_type(content_type)
    except MediaTypeError:
        raise MultipartParseError(NOT_MULTIPART) from None
    if media_type != b"multipart/form-data":
        raise MultipartParseError(NOT_MULTIPART)
    if b"boundary" not in parameters:
        raise MultipartParseError(NO_BOUNDARY)
    return parameters[b"boundary"]


class FormFile:
    """The first file of the field `key` in a multipart body.

    Its name is passed to `on_file(filename)`, then its bytes to `on_data(data, start, end)`.
    `write` and `finalize` raise ParseError with Go's error text. After `finalize`, `found` says
    whether the form had such a file, `header` is the header of its part, and `unread` has the
    names of the first other parts.
    """

    def __init__(
        self, boundary: bytes, key: bytes, on_file: Callable[[bytes], None], on_data: FileData
    ) -> None:
        self.found = False
        self.header: dict[bytes, list[bytes]] = {}
        self.unread: list[bytes] = []
        self._key = key
        self._on_file = on_file
        self._on_data = on_data
        self._parts_left = MAX_PARTS
        self._headers_left = MAX_HEADERS
        self._memory_left = FILE_MEMORY_BYTES + VALUE_MEMORY_BYTES
        self._file_memory_left = FILE_MEMORY_BYTES
        self._part_is_file = False
        self._part_is_target = False
        self._part_bytes = 0
        self._reader = MultipartReader(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
            },
        )

    def write(self, data: bytes | memoryview) -> None:
        """Parse the next bytes of the body; a view must start at byte 0 of a bytearray."""
        self._reader.write(data)

    def finalize(self, error: str = EOF) -> None:
        """Parse the end of the body; `error` is Go's error text, EOF at the announced end."""
        self._reader.finalize(error)

    def close(self) -> None:
        """Break the reference cycle between the reader and the form; no more data may follow.

        Otherwise each upload would leave a cycle, with all that the form refers to, to the garbage
        collector.
        """
        self._reader.callbacks = {}

    def _on_part_begin(self) -> None:
        self._reader.header_bytes = self._memory_left
        self._reader.header_entries = self._headers_left

    def _on_headers_finished(self) -> None:
        if self._parts_left == 0:
            raise MultipartParseError(MESSAGE_TOO_LARGE)
        self._parts_left -= 1
        header = self._reader.header
        encoding = header.get(b"Content-Transfer-Encoding", [b""])[0]
        if encoding.lower() == b"quoted-printable":
            del header[b"Content-Transfer-Encoding"]
            self._reader.decode_quoted_printable()
        name, filename = _form_data(header.get(b"Content-Disposition", [b""])[0])
        if not name:
            self._reader.skip()
            return
        self._part_bytes = 0
        self._part_is_file = bool(filename)
        self._part_is_target = self._part_is_file and name == self._key and not self.found
        self._charge_memory(len(name) + ENTRY_BYTES)
        if self._part_is_file:
            self._charge_memory(_header_bytes(header) + ENTRY_BYTES + FILE_HEADER_BYTES)
            self._headers_left -= sum(map(len, header.values()))
        if self._part_is_target:
            self.found = True
            self.header = header
            self._on_file(path.base(filename))
        elif len(self.unread) < MAX_UNREAD_NAMES:
            self.unread.append(name[:MAX_UNREAD_NAME_BYTES])

    def _charge_memory(self, size: int) -> None:
        self._memory_left -= size
        if self._memory_left < 0:
            raise MultipartParseError(MESSAGE_TOO_LARGE)

    def _on_part_data(self, data: Data, start: int, end: int) -> None:
        self._part_bytes += end - start
        if not self._part_is_file and self._part_bytes > self._memory_left:
            raise MultipartParseError(MESSAGE_TOO_LARGE)
        if self._part_is_target and end > start:
            self._on_data(data, start, end)

    def _on_part_end(self) -> None:
        if not self._part_is_file:
            self._memory_left -= self._part_bytes
        elif self._part_bytes <= self._file_memory_left:
            # Go writes a larger file to disk, where it costs no memory.
            self._file_memory_left -= self._part_bytes
            self._memory_left -= self._part_bytes


@cache_short_inputs
def _form_data(disposition: bytes) -> tuple[bytes, bytes]:
    """Return the field name and the file name in a Content-Disposition; empty if missing."""
    try:
        kind, parameters = parse_media_type(disposition)
    except MediaTypeError:
        return b"", b""
    name = parameters.get(b"name", b"") if kind == b"form-data" else b""
    return name, parameters.get(b"filename", b"")


def _header_bytes(header: dict[bytes, list[bytes]]) -> int:
    """Return the memory that Go charges for the header of a file part."""
    values = itertools.chain.from_iterable(header.values())
    return HEADER_BYTES + ENTRY_BYTES * len(header) + sum(map(len, itertools.chain(header, values)))
