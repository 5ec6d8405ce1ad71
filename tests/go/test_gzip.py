"""Gzip as Go's own reader decodes it, in whatever pieces it arrives."""

from __future__ import annotations

import gzip
import zlib

import pytest
from fake_apimart.go.gzip import GzipError, Reader
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT = b"picture " * 100
MEMBER = gzip.compress(TEXT, mtime=0)
HEADER, DATA = MEMBER[:10], MEMBER[10:]
_FLAGS = 3


def with_fields(flags: int, fields: bytes) -> bytes:
    """Return the member with optional fields in its header."""
    return HEADER[:_FLAGS] + bytes([flags]) + HEADER[_FLAGS + 1 :] + fields + DATA


def with_checksum(crc: int | None = None) -> bytes:
    header = HEADER[:_FLAGS] + b"\x02" + HEADER[_FLAGS + 1 :]
    checksum = zlib.crc32(header) & 0xFFFF if crc is None else crc
    return header + checksum.to_bytes(2, "little") + DATA


TAKEN = {
    "one member": (MEMBER, TEXT),
    "two members": (MEMBER * 2, TEXT * 2),
    "an empty member": (gzip.compress(b""), b""),
    "all fields": (with_fields(0x1C, b"\x02\0ab" + b"name\0" + b"comment\0"), TEXT),
    "a checksum of the header": (with_checksum(), TEXT),
    "a long name": (with_fields(0x08, b"n" * 511 + b"\0"), TEXT),
}

REFUSED = {
    "text": (b"hello, world", "gzip: invalid header"),
    "another method": (b"\x1f\x8b\x07" + HEADER[3:], "gzip: invalid header"),
    "too long a name": (with_fields(0x08, b"n" * 512 + b"\0"), "gzip: invalid header"),
    "a wrong checksum of the header": (with_checksum(1), "gzip: invalid header"),
    "something behind the member": (MEMBER + bytes(10), "gzip: invalid header"),
    "a wrong checksum": (MEMBER[:-8] + bytes(4) + MEMBER[-4:], "gzip: invalid checksum"),
    "a wrong length": (MEMBER[:-4] + bytes(4), "gzip: invalid checksum"),
}


def decode(data: bytes, size: int) -> tuple[bytes, str]:
    """Feed `data` in pieces; return what is decoded, and how the input ended."""
    reader = Reader()
    decoded = bytearray()
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        while piece := reader.read(100):
            assert len(piece) <= 100
            decoded += piece
    return bytes(decoded), reader.finish()


@pytest.mark.parametrize("size", [1, 7, 5000])
@pytest.mark.parametrize(("data", "text"), TAKEN.values(), ids=TAKEN)
def test_gzip_is_decoded(data: bytes, text: bytes, size: int) -> None:
    assert decode(data, size) == (text, "EOF")


@pytest.mark.parametrize("size", [1, 5000])
@pytest.mark.parametrize(("data", "error"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_gzip_is_refused_in_go_s_words(data: bytes, error: str, size: int) -> None:
    with pytest.raises(GzipError) as refusal:
        decode(data, size)
    assert str(refusal.value) == error


@pytest.mark.parametrize("data", [b"hello", MEMBER + b"x"])
def test_what_is_shorter_than_a_header_ends_unexpectedly(data: bytes) -> None:
    assert decode(data, 5000)[1] == "unexpected EOF"


@pytest.mark.parametrize("length", [1, 9, 10, 20, len(MEMBER) - 8, len(MEMBER) - 1])
def test_gzip_that_is_cut_ends_unexpectedly(length: int) -> None:
    assert decode(MEMBER[:length], 5000)[1] == "unexpected EOF"


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_corrupt_data_is_decoded_up_to_the_corrupt_byte_which_is_named(size: int) -> None:
    # Two stored blocks, and a third of a type that does not exist.
    blocks = b"\x00\x03\x00\xfc\xffabc" * 2 + b"\x07"
    reader = Reader()
    decoded, error = bytearray(), ""
    data = HEADER + blocks + bytes(1000)
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        try:
            while piece := reader.read(100):
                decoded += piece
        except GzipError as refusal:
            error = str(refusal)
            break
    assert (bytes(decoded), error) == (b"abcabc", "flate: corrupt input before offset 17")


def test_thousands_of_empty_members_are_read() -> None:
    members = gzip.compress(b"", mtime=0) * 150_000
    reader = Reader()
    reader.feed(members)
    assert reader.read(100) == b""
    assert reader.finish() == "EOF"


@pytest.mark.parametrize("rest", [b"x", b"\x1f", b"x" * 9])
def test_what_is_behind_a_member_and_too_short_for_a_header_ends_unexpectedly(rest: bytes) -> None:
    assert decode(MEMBER + rest, 5000) == (TEXT, "unexpected EOF")


@given(st.binary(max_size=300), st.integers(1, 50))
@settings(deadline=None)
def test_any_bytes_are_decoded_or_refused(data: bytes, size: int) -> None:
    try:
        decode(HEADER + data, size)
    except GzipError:
        return
