"""Search for a delimiter from the end of the data."""

from __future__ import annotations

import pytest
from fake_apimart.go import delimiters
from hypothesis import given
from hypothesis import strategies as st

PIECES = st.sampled_from([b"\r\n--b", b"\r\n--", b"\r\n", b"\n--b", b"-", b"b", b"x"])


@given(pieces=st.lists(PIECES, max_size=12), start=st.integers(0, 20), end=st.integers(0, 60))
def test_first_one_is_found_from_the_end(pieces: list[bytes], start: int, end: int) -> None:
    data = b"".join(pieces)
    assert delimiters.find_from_end(data, b"\r\n--b", start, end) == data.find(
        b"\r\n--b", start, end
    )


@pytest.mark.parametrize(
    ("data", "start"),
    [(b"abc", 3), (b"abc\r", 3), (b"abc\r\n-", 3), (b"\r\n\r\n--", 2), (b"abc\r\n--c", 8)],
)
def test_what_may_become_a_delimiter_is_held_back(data: bytes, start: int) -> None:
    assert delimiters.partial_match_start(data, 0, len(data), b"\r\n--b") == start
