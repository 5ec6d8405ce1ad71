"""Run our form parser and return its result in a form that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from fake_apimart.go.delimiters import Data
from fake_apimart.go.textproto import EOF
from fake_apimart.go.url import query_error
from fake_apimart.net_http.form import NO_SUCH_FILE, FormFile, boundary_of
from python_multipart.exceptions import ParseError

Parsed = tuple[bytes, bytes] | str
"""The name and content of the file, or the error text."""


def parse(
    content_type: bytes, chunks: Iterable[bytes | memoryview], query: bytes = b"", end: str = EOF
) -> Parsed:
    """Parse a form that arrives in `chunks`, like an upload."""
    names: list[bytes] = []
    content = bytearray()

    def take(data: Data, start: int, stop: int) -> None:
        content.extend(data[start:stop])

    try:
        form = FormFile(boundary_of(content_type), b"file", names.append, take)
        for chunk in chunks:
            form.write(chunk)
        form.finalize(end)
    except ParseError as error:
        return str(error)
    if (problem := query_error(query)) is not None:
        return problem
    return (names[0], bytes(content)) if form.found else NO_SUCH_FILE


def cut(body: bytes, positions: Iterable[int]) -> list[bytes]:
    """Split the body at `positions`."""
    edges = [0, *sorted(position for position in positions if position < len(body)), len(body)]
    return [body[start:stop] for start, stop in pairwise(edges)]


def views(chunks: Iterable[bytes]) -> Iterator[memoryview]:
    """Yield each chunk as a view of the start of a larger buffer.

    After the chunk, the buffer holds stale bytes of earlier chunks and the end of a body, as a
    reused receive buffer does.
    """
    before = b""
    for chunk in chunks:
        before = chunk + before[len(chunk) :]
        yield memoryview(bytearray(before + b"\r\n--b--\r\n"))[: len(chunk)]
