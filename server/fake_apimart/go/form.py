"""`http.Request.FormFile`: one file out of a multipart form, handed on as it arrives.

Like `multipart.Reader.ReadForm` it reads every part to the end of the form, so that an error
behind the file counts too, and keeps Go's account of what a form may hold. Unlike Go it keeps
no data: the file's goes to a callback, that of other parts is only counted.
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
from fake_apimart.go.quotedprintable import Decoder
from fake_apimart.go.textproto import EOF, MESSAGE_TOO_LARGE

NOT_MULTIPART = "request Content-Type isn't multipart/form-data"
NO_BOUNDARY = "no multipart boundary param in Content-Type"
NO_SUCH_FILE = "http: no such file"
BODY_TOO_LARGE = "http: request body too large"

MAX_PARTS = 1000
MAX_HEADERS = 10_000
# How many parts that nobody wants are told of, and how much of their names.
MAX_UNREAD = 20
MAX_UNREAD_NAME_BYTES = 100
# What Go keeps of a form in memory: file data up to the first, everything up to the sum of both.
FILE_MEMORY_BYTES = 32 * 1024 * 1024
VALUE_MEMORY_BYTES = 10 * 1024 * 1024
ENTRY_BYTES = 200
HEADER_BYTES = 400
FILE_HEADER_BYTES = 100

# As nearly all clients write it, with a boundary that each request has anew.
_USUAL_TYPE = re.compile(rb"multipart/form-data; ?boundary=([-0-9A-Za-z_.+]+)")

FileData = Callable[[Data, int, int], None]


def boundary_of(content_type: bytes) -> bytes:
    """The boundary in a request's Content-Type. Raises MultipartParseError in Go's words."""
    if usual := _USUAL_TYPE.fullmatch(content_type):
        return usual[1]
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

    When it comes, its name goes to `on_file(filename)`, then its bytes to `on_data(data, start,
    end)`. After `finalize`, `found` says whether the form had such a file. `write` and `finalize`
    raise ParseError in Go's words.

    `header` is then that of the file's part, and `unread` the names of the first other parts.
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
        self._part_is_wanted = False
        self._part_bytes = 0
        self._decoder: Decoder | None = None
        self._reader = MultipartReader(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_headers_finished": self._header_ends,
                "on_part_data": self._data,
                "on_part_end": self._part_ends,
            },
        )

    def write(self, data: bytes | memoryview) -> None:
        """The next bytes of the body; a view must show a bytearray, from its first byte on."""
        self._reader.write(data)

    def finalize(self, error: str = EOF) -> None:
        """The body ended, with Go's error text `error`: EOF at its announced end."""
        try:
            self._reader.finalize(error)
        except MultipartParseError as cut:
            if self._decoder is not None:
                self._decoder.finish(str(cut))
            raise

    def close(self) -> None:
        """Nothing more will come. Without this, reader and form, and all that the form leads to,
        hold each other until the garbage collector looks: it would have to for each upload.
        """
        self._reader.callbacks = {}

    def _part_begins(self) -> None:
        self._reader.header_bytes = self._memory_left
        self._reader.header_entries = self._headers_left

    def _header_ends(self) -> None:
        if self._parts_left == 0:
            raise MultipartParseError(MESSAGE_TOO_LARGE)
        self._parts_left -= 1
        header = self._reader.header
        encoding = header.get(b"Content-Transfer-Encoding", [b""])[0]
        quoted = encoding.lower() == b"quoted-printable"
        if quoted:
            del header[b"Content-Transfer-Encoding"]
        name, filename = _form_data(header.get(b"Content-Disposition", [b""])[0])
        if not name:
            self._reader.skip()
            return
        self._decoder = Decoder() if quoted else None
        self._part_bytes = 0
        self._part_is_file = bool(filename)
        self._part_is_wanted = self._part_is_file and name == self._key and not self.found
        self._account(len(name) + ENTRY_BYTES)
        if self._part_is_file:
            self._account(_header_bytes(header) + ENTRY_BYTES + FILE_HEADER_BYTES)
            self._headers_left -= sum(map(len, header.values()))
        if self._part_is_wanted:
            self.found = True
            self.header = header
            self._on_file(path.base(filename))
        elif len(self.unread) < MAX_UNREAD:
            self.unread.append(name[:MAX_UNREAD_NAME_BYTES])

    def _account(self, size: int) -> None:
        self._memory_left -= size
        if self._memory_left < 0:
            raise MultipartParseError(MESSAGE_TOO_LARGE)

    def _data(self, data: Data, start: int, end: int) -> None:
        if self._decoder is not None:
            data = self._decoder.feed(bytes(data[start:end]))
            start, end = 0, len(data)
        self._take(data, start, end)

    def _take(self, data: Data, start: int, end: int) -> None:
        self._part_bytes += end - start
        if not self._part_is_file and self._part_bytes > self._memory_left:
            raise MultipartParseError(MESSAGE_TOO_LARGE)
        if self._part_is_wanted and end > start:
            self._on_data(data, start, end)

    def _part_ends(self) -> None:
        if self._decoder is not None:
            rest = self._decoder.finish()
            self._decoder = None
            self._take(rest, 0, len(rest))
        if not self._part_is_file:
            self._memory_left -= self._part_bytes
        elif self._part_bytes <= self._file_memory_left:
            # A larger file goes to Go's disk, and costs no memory.
            self._file_memory_left -= self._part_bytes
            self._memory_left -= self._part_bytes


@cache_short_inputs
def _form_data(disposition: bytes) -> tuple[bytes, bytes]:
    """The field name and the file name in a Content-Disposition; empty where there is none."""
    try:
        kind, parameters = parse_media_type(disposition)
    except MediaTypeError:
        return b"", b""
    name = parameters.get(b"name", b"") if kind == b"form-data" else b""
    return name, parameters.get(b"filename", b"")


def _header_bytes(header: dict[bytes, list[bytes]]) -> int:
    """What Go counts for a file part's header."""
    values = itertools.chain.from_iterable(header.values())
    return HEADER_BYTES + ENTRY_BYTES * len(header) + sum(map(len, itertools.chain(header, values)))
