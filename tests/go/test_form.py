"""`FormFile`: the result does not depend on how the body is split into chunks; Go's limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_apimart.go.textproto import HEADER_BYTES, MESSAGE_TOO_LARGE, MIMEHeaderReader
from fake_apimart.net_http.form import MAX_PARTS, NO_SUCH_FILE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_multipart.exceptions import MultipartParseError

from tests.go.cases import Cases
from tests.go.parsing import cut, parse, views
from tests.harness import RECORDED
from tests.profiles import examples

TYPE = b"multipart/form-data; boundary=b"
DISPOSITION = b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n'
END = b"\r\n--b--\r\n"


def part(content: bytes, header: bytes = DISPOSITION) -> bytes:
    return b"--b\r\n" + header + b"\r\n" + content + b"\r\n"


def value(name: bytes, content: bytes = b"") -> bytes:
    return part(content, b'Content-Disposition: form-data; name="%b"\r\n' % name)


def recorded_bodies() -> list[Any]:
    cases = json.loads((RECORDED / "form" / "expected.json").read_text())["cases"]
    bodies = []
    for case in cases:
        raw = (RECORDED / "form" / case["file"]).read_bytes()
        head, _, body = raw.partition(b"\r\n\r\n")
        types = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-type:")]
        if types and len(body) < 5000:
            bodies.append(pytest.param(types[0].split(b":", 1)[1].strip(), body, id=case["name"]))
    return bodies


@pytest.mark.parametrize(("content_type", "body"), recorded_bodies())
def test_recorded_body_is_read_alike_however_it_is_cut(content_type: bytes, body: bytes) -> None:
    whole = parse(content_type, [body])
    assert parse(content_type, cut(body, range(len(body)))) == whole
    assert parse(content_type, views(cut(body, range(len(body))))) == whole
    for position in range(0, len(body), 3):
        pieces = cut(body, [position])
        assert parse(content_type, pieces) == parse(content_type, views(pieces)) == whole


@given(seed=st.integers(0, 10**9), positions=st.lists(st.integers(0, 4000), max_size=12))
@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.too_slow])
def test_random_body_is_read_alike_however_it_is_cut(seed: int, positions: list[int]) -> None:
    case = Cases(seed).draw()
    whole = parse(case.content_type, [case.body], case.query, case.end)
    pieces = cut(case.body, positions)
    assert parse(case.content_type, pieces, case.query, case.end) == whole
    assert parse(case.content_type, views(pieces), case.query, case.end) == whole


@given(content=st.binary(max_size=300), positions=st.lists(st.integers(0, 500), max_size=8))
@settings(max_examples=examples(200))
def test_content_without_the_boundary_arrives_untouched(
    content: bytes, positions: list[int]
) -> None:
    boundary = b"y" * 60
    body = part(content).replace(b"--b\r\n", b"--" + boundary + b"\r\n", 1)
    body += b"--" + boundary + b"--"
    content_type, pieces = b"multipart/form-data; boundary=" + boundary, cut(body, positions)
    assert parse(content_type, pieces) == parse(content_type, views(pieces)) == (b"a.png", content)


def test_first_file_with_the_name_is_taken() -> None:
    body = part(b"one") + part(b"two", DISPOSITION.replace(b"a.png", b"b.png")) + END[2:]
    assert parse(TYPE, [body]) == (b"a.png", b"one")


def test_value_with_the_name_is_not_a_file() -> None:
    assert parse(TYPE, [value(b"file", b"x") + END[2:]]) == NO_SUCH_FILE


def test_file_after_a_value_with_the_same_name_is_taken() -> None:
    assert parse(TYPE, [value(b"file", b"x") + part(b"one") + END[2:]]) == (b"a.png", b"one")


@pytest.mark.parametrize(("parts", "refused"), [(MAX_PARTS, False), (MAX_PARTS + 1, True)])
def test_form_has_at_most_a_thousand_parts(parts: int, refused: bool) -> None:
    body = part(b"one") + value(b"x") * (parts - 1) + END[2:]
    assert parse(TYPE, [body]) == (MESSAGE_TOO_LARGE if refused else (b"a.png", b"one"))


@pytest.mark.parametrize(("headers", "refused"), [(9_000, False), (10_001, True)])
def test_form_has_at_most_ten_thousand_headers(headers: int, refused: bool) -> None:
    body = part(b"one", DISPOSITION + b"A: b\r\n" * (headers - 1)) + END[2:]
    assert parse(TYPE, [body]) == (MESSAGE_TOO_LARGE if refused else (b"a.png", b"one"))


def test_values_may_fill_42_mebibytes_and_no_more() -> None:
    chunk = b"x" * (1 << 20)
    head = b'--b\r\nContent-Disposition: form-data; name="v"\r\n\r\n'
    tail = b"\r\n" + part(b"one") + END[2:]
    assert parse(TYPE, [head, *[chunk] * 41, tail]) == (b"a.png", b"one")
    assert parse(TYPE, [head, *[chunk] * 43, tail]) == MESSAGE_TOO_LARGE


def test_files_have_no_such_limit() -> None:
    head = b"--b\r\n" + DISPOSITION + b"\r\n"
    parsed = parse(TYPE, [head, *[b"x" * (1 << 20)] * 60, END])
    assert isinstance(parsed, tuple)
    assert len(parsed[1]) == 60 << 20


QUOTED = DISPOSITION + b"Content-Transfer-Encoding: quoted-printable\r\n"


@pytest.mark.parametrize(
    ("content", "parsed"),
    [
        (b"a=3Db", (b"a.png", b"a=b")),
        (b"a=\r\nb", (b"a.png", b"ab")),
        (b"a  \r\nb", (b"a.png", b"a\r\nb")),
        (b"a=zz", (b"a.png", b"a=zz")),
        (b"\xff", (b"a.png", b"\xff")),
        (b"a=", (b"a.png", b"a")),
        (b"\x01", "quotedprintable: invalid unescaped byte 0x01 in body"),
        (b"a=\rb\r\nc", "quotedprintable: invalid hex byte 0x0d"),
        (b"x" * 4097 + b"\r\n", "bufio: buffer full"),
    ],
)
def test_quoted_printable_is_decoded_as_go_decodes_it(
    content: bytes, parsed: tuple[bytes, bytes] | str
) -> None:
    body = part(content, QUOTED) + END[2:]
    assert parse(TYPE, [body]) == parsed
    assert parse(TYPE, cut(body, range(len(body)))) == parsed


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"x" * 4095, "unexpected EOF"),
        (b"x" * 4096, "bufio: buffer full"),
        (b"x" * 4095 + b"\r", "unexpected EOF"),
        (b"x" * 4096 + b"\r\n", "bufio: buffer full"),
        (b"x" * 4095 + b"\x01", "quotedprintable: invalid unescaped byte 0x01 in body"),
    ],
    ids=range(5),
)
def test_cut_line_of_quoted_printable_may_fill_the_buffer(content: bytes, error: str) -> None:
    assert parse(TYPE, [b"--b\r\n" + QUOTED + b"\r\n" + content]) == error


BUFFER_FULL = "multipart: NextPart: bufio: buffer full"


@pytest.mark.parametrize(
    ("length", "end", "parsed"),
    [
        (4096, "EOF", (b"a.png", b"one")),
        (4097, "EOF", BUFFER_FULL),
        (4095, "unexpected EOF", "multipart: NextPart: unexpected EOF"),
        (4096, "unexpected EOF", BUFFER_FULL),
    ],
)
def test_last_line_may_fill_the_buffer_where_the_body_is_whole(
    length: int, end: str, parsed: tuple[bytes, bytes] | str
) -> None:
    body = part(b"one") + b"--b--".ljust(length)
    assert parse(TYPE, [body], end=end) == parsed
    assert parse(TYPE, cut(body, range(len(body))), end=end) == parsed


def test_base64_is_not_decoded() -> None:
    body = part(b"aGk=", DISPOSITION + b"Content-Transfer-Encoding: base64\r\n") + END[2:]
    assert parse(TYPE, [body]) == (b"a.png", b"aGk=")


@pytest.mark.parametrize(
    ("line", "is_reported"),
    [
        (b"A" * 4095, True),
        (b"A" * 4096, False),
        (b"A" * 4095 + b"\r", True),
        (b"A" * 4095 + b"\r" + b"A" * 4095, False),
        (b"A" * 8192, False),
        (b"A" * 8193, True),
    ],
    ids=range(6),
)
def test_truncated_header_line_is_reported_unless_it_fills_buffers(
    line: bytes, is_reported: bool
) -> None:
    parsed = parse(TYPE, [b"--b\r\n" + line], end="unexpected EOF")
    if is_reported:
        assert str(parsed).startswith('malformed MIME header: missing colon: "AAAA')
    else:
        assert parsed == "unexpected EOF"


LONG_LINE = b"A:" + b" " * 1000 + b"b"
"""A header line that is longer than the size Go accounts for its entry."""


def header_entries(bytes_left: int, piece: int) -> dict[bytes, list[bytes]]:
    """Read LONG_LINE, `piece` bytes at a time; return the header entries."""
    reader = MIMEHeaderReader(HEADER_BYTES + bytes_left, 10)
    header = LONG_LINE + b"\r\n\r\n"
    for start in range(0, len(header), piece):
        reader.feed(header[start : start + piece], 0)
    return reader.entries


@pytest.mark.parametrize("piece", [1, 10_000])
def test_header_line_that_just_fits_is_read(piece: int) -> None:
    assert header_entries(len(LONG_LINE), piece) == {b"A": [b"b"]}


@pytest.mark.parametrize("piece", [1, 10_000])
def test_header_line_that_is_a_byte_too_long_is_refused(piece: int) -> None:
    with pytest.raises(MultipartParseError, match=MESSAGE_TOO_LARGE):
        header_entries(len(LONG_LINE) - 1, piece)
