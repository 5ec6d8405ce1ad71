"""What our reading of a form says, in a shape that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from fake_apimart.go.delimiters import Data
from fake_apimart.go.form import NO_SUCH_FILE, FormFile, boundary_of
from fake_apimart.go.textproto import EOF
from fake_apimart.go.url import query_error
from python_multipart.exceptions import ParseError

Parsed = tuple[bytes, bytes] | str
"""A file's name and content, or the text of the refusal."""


def parse(
    content_type: bytes, chunks: Iterable[bytes | memoryview], query: bytes = b"", end: str = EOF
) -> Parsed:
    """Read a form that arrives in `chunks`, as an upload does."""
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
    """The body in pieces, cut at `positions`."""
    edges = [0, *sorted(position for position in positions if position < len(body)), len(body)]
    return [body[start:stop] for start, stop in pairwise(edges)]


def views(chunks: Iterable[bytes]) -> Iterator[memoryview]:
    """The same chunks in buffers that are larger: behind a chunk they hold what was there before,
    such as a body's end.
    """
    before = b""
    for chunk in chunks:
        before = chunk + before[len(chunk) :]
        yield memoryview(bytearray(before + b"\r\n--b--\r\n"))[: len(chunk)]
