"""Heads of requests: the same, whether they arrive whole or in pieces."""

from __future__ import annotations

import itertools

import pytest
from fake_apimart.net_http.request import Request, RequestError
from fake_apimart.net_http.request_reader import MAX_HEAD_BYTES, RequestReader
from hypothesis import given, settings
from hypothesis import strategies as st

HEAD = b"POST /v1/x?y=%z HTTP/1.1\r\nHost: x\r\nX:  a \r\nContent-Length: 5\r\n\r\n"
AHEAD = b"hello"


def read(*pieces: bytes, previous: Request | None = None) -> Request | None:
    """Feed pieces; return the request, of whose body nothing must have been read."""
    reader = RequestReader(previous)
    for number, piece in enumerate(pieces):
        position = reader.feed(piece, 0)
        if reader.request is not None:
            assert b"".join([piece[position:], *pieces[number + 1 :]]) == AHEAD
            break
        assert position == len(piece)
    return reader.request


def cut(data: bytes, *positions: int) -> list[bytes]:
    return [data[a:b] for a, b in itertools.pairwise((0, *positions, len(data)))]


WHOLE = read(HEAD + AHEAD)


def test_head_is_taken_apart() -> None:
    headers = [(b"host", b"x"), (b"x", b"a"), (b"content-length", b"5")]
    assert (
        Request(b"POST", b"/v1/x", b"y=%z", (1, 1), headers, dict(headers), content_length=5)
        == WHOLE
    )


def test_head_may_be_cut_anywhere() -> None:
    for positions in itertools.combinations(range(1, len(HEAD)), 2):
        assert read(*cut(HEAD + AHEAD, *positions)) == WHOLE, positions


@pytest.mark.parametrize("line_ends", [b"", b"\n", b"\r\n", b"\r\n\r\n"])
def test_head_behind_a_post_may_be_cut_anywhere(line_ends: bytes) -> None:
    for position in range(1, len(HEAD)):
        pieces = cut(line_ends + HEAD + AHEAD, position)
        assert read(*pieces, previous=WHOLE) == WHOLE, position


def test_line_ends_before_a_first_request_are_refused() -> None:
    with pytest.raises(RequestError):
        read(b"\r\n" + HEAD)


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES, 4096])
def test_head_is_limited_however_it_arrives(size: int) -> None:
    line = b"X: " + b"y" * (MAX_HEAD_BYTES - len(HEAD) - 5) + b"\r\n"
    allowed = HEAD[:-2] + line + b"\r\n"
    assert read(*cut(allowed + AHEAD, *range(size, len(allowed), size))) is not None
    with pytest.raises(RequestError) as refusal:
        read(*cut(HEAD[:-2] + b"a" + line + b"\r\n", *range(size, len(allowed), size)))
    assert refusal.value.status.startswith("431")


LINES = st.lists(
    st.sampled_from([b"X: a", b"x:b", b"X:\t", b"Connection: close", b"Host: y", b"Y : a", b" z"])
    | st.binary(max_size=6),
    max_size=4,
)


@given(LINES, st.integers(1, 20))
@settings(deadline=None)
def test_any_head_is_read_the_same_whole_and_in_pieces(lines: list[bytes], size: int) -> None:
    head = b"\r\n".join([b"GET / HTTP/1.1", b"Host: x", *lines, b"", b""])

    def outcome(*pieces: bytes) -> object:
        reader = RequestReader()
        try:
            for piece in pieces:
                reader.feed(piece, 0)
                if reader.request is not None:
                    request = reader.request
                    return request.values, request.closes, request.content_length
        except RequestError as error:
            return error.status, error.text
        return None

    assert outcome(head) == outcome(*cut(head, *range(size, len(head), size)))
