"""Chunked bodies as Go's own reader reads them, in whatever pieces they arrive."""

from __future__ import annotations

import pytest
from fake_apimart.net_http.chunked import ChunkedReader, ChunkError, State
from hypothesis import given, settings
from hypothesis import strategies as st

END = b"0\r\n\r\n"

TAKEN = {
    END: b"",
    b"2\r\nab\r\n" + END: b"ab",
    b"A\r\n0123456789\r\n0000\r\n\r\n": b"0123456789",
    b"1 \t\r\na\r\n1;x\r\nb\r\n1; x=y\r\nc\r\n1;\xff\r\nd\r\n" + END: b"abcd",
    b"1;" + b"x" * 4092 + b"\r\na\r\n" + END: b"a",
    b"1\r\na\r\n0\r\nX: y\r\nZ: a\r\n b\r\n\r\n": b"a",
    b"0\r\nX: " + b"y" * 4089 + b"\r\n\r\n": b"",
}

REFUSED = {
    b"\r\n": "empty hex number for chunk length",
    b";a\r\n": "empty hex number for chunk length",
    b"x\r\n": "invalid byte in chunk length",
    b"1 ;a\r\n": "invalid byte in chunk length",
    b"0x1\r\n": "invalid byte in chunk length",
    b"-1\r\n": "invalid byte in chunk length",
    b"0000000000000000g\r\n": "invalid byte in chunk length",
    b"00000000000000001\r\n": "http chunk length too large",
    b"1\n": "chunked line ends with bare LF",
    b"1\r\r\n": "invalid CR in chunked line",
    b"1;\r;\r\n": "invalid CR in chunked line",
    b"1;" + b"x" * 4095: "header line too long",
    b"1;" + b"x" * 4093 + b"\r\n": "header line too long",
    b"1\r\nabc": "malformed chunked encoding",
    b"1\r\na\n\n": "malformed chunked encoding",
    b"0\r\nx\r\n\r\n": 'malformed MIME header: missing colon: "x"',
    b"0\r\nX: " + b"y" * 4090 + b"\r\n\r\n": "http: suspiciously long trailer after chunked body",
    b"0\r\n\nX: y\r\n\r\n": "malformed chunked encoding",
}

CUT = {
    b"": "unexpected EOF",
    b"1": "unexpected EOF",
    b"1\r\n": "unexpected EOF",
    b"1\r\na": "unexpected EOF",
    b"1\r\na\r": "unexpected EOF",
    b"0\r\n": "http: unexpected EOF reading trailer",
    b"0\r\n\r": "http: unexpected EOF reading trailer",
    b"0\r\nX:": "http: suspiciously long trailer after chunked body",
    b"0\r\nX: y\r\n": "http: suspiciously long trailer after chunked body",
}


def read(data: bytes, size: int) -> tuple[bytes, ChunkedReader, int]:
    """Feed `data` in pieces of `size` bytes; return the body, the reader, and what it read."""
    pieces: list[bytes] = []
    reader = ChunkedReader(pieces.append)
    position = 0
    for start in range(0, len(data), size):
        position = start + reader.feed(data[start : start + size], 0)
        if reader.state is State.DONE:
            break
    return b"".join(pieces), reader, position


@pytest.mark.parametrize("size", [1, 2, 3, 5000])
@pytest.mark.parametrize(("data", "body"), TAKEN.items(), ids=range(len(TAKEN)))
def test_chunks_are_taken_up_to_their_end(data: bytes, body: bytes, size: int) -> None:
    read_body, reader, position = read(data + b"GET /", size)
    assert (read_body, reader.state, position) == (body, State.DONE, len(data))


@pytest.mark.parametrize("size", [1, 5000])
@pytest.mark.parametrize(("data", "error"), REFUSED.items(), ids=range(len(REFUSED)))
def test_malformed_chunks_are_refused_in_go_s_words(data: bytes, error: str, size: int) -> None:
    with pytest.raises(ChunkError) as refusal:
        read(data, size)
    assert str(refusal.value) == error


@pytest.mark.parametrize(("data", "error"), CUT.items())
def test_end_of_input_is_stated_in_go_s_words(data: bytes, error: str) -> None:
    assert read(data, 1)[1].finish() == error


def test_overhead_without_data_is_refused() -> None:
    line = b"1;" + b"x" * 1000 + b"\r\na\r\n"
    with pytest.raises(ChunkError) as refusal:
        read(line * 20, 4096)
    assert str(refusal.value) == "chunked encoding contains too much non-data"


def test_small_chunks_are_no_overhead() -> None:
    assert len(read(b"1\r\na\r\n" * 20_000 + END, 65536)[0]) == 20_000


@given(st.binary(max_size=60), st.lists(st.integers(1, 9)), st.integers(1, 7))
@settings(deadline=None)
def test_body_is_whole_however_it_is_cut(body: bytes, sizes: list[int], size: int) -> None:
    data, rest = b"", body
    for length in sizes:
        if piece := rest[:length]:
            data += b"%x\r\n%b\r\n" % (len(piece), piece)
            rest = rest[length:]
    if rest:
        data += b"%X;x\r\n%b\r\n" % (len(rest), rest)
    assert read(data + END, size)[0] == body
