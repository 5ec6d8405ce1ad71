"""Parts that show where the reads of Go end: quoted-printable, and very long boundaries."""

from __future__ import annotations

import pytest
from fake_apimart.net_http.form import NO_SUCH_FILE

from tests.go.parsing import cut, parse, views

QUOTED = b"Content-Transfer-Encoding: quoted-printable\n\n"
FILE = b'Content-Disposition: form-data; name="file"; filename="a"\r\n'

CASES = {
    "broken, read as a whole before it is looked at": (
        b"b",
        b"--b\n" + QUOTED + b"\x00\nmore\n--b--\n",
        NO_SUCH_FILE,
    ),
    "broken, and cut by what is no delimiter": (
        b"b",
        b"--b\n" + QUOTED + b"\x00\n--b-\n--b--\n",
        r'multipart: unexpected line in Next(): "-\n"',
    ),
    "broken at the end of the first read": (
        b"b",
        b"--b\n" + QUOTED + b"\x00\n" + b"x" * 4050 + b"\n--b--\n",
        'multipart: unexpected line in Next(): "' + "x" * 5 + r"\n" + '"',
    ),
    "broken, with a form behind it": (
        b"b",
        b"--b\r\n"
        + QUOTED.replace(b"\n", b"\r\n")
        + b"\x00\r\n--b\r\n"
        + FILE
        + b"\r\nx\r\n--b--\r\n",
        (b"a", b"x"),
    ),
    "a boundary that fits into the buffer": (
        b"y" * 4090,
        b"--" + b"y" * 4090 + b"\r\n" + FILE + b"\r\nx\r\n--" + b"y" * 4090 + b"--\r\n",
        (b"a", b"x"),
    ),
    "a boundary that does not": (
        b"y" * 4091,
        b"--" + b"y" * 4091 + b"\r\n" + FILE + b"\r\nx\r\n--" + b"y" * 4091 + b"--\r\n",
        "bufio: buffer full",
    ),
    "a line of quoted-printable that fills the buffer": (
        b"b",
        b"--b\r\n" + FILE + QUOTED.replace(b"\n", b"\r\n") + b"x" * 4096 + b"\r\n--b--",
        (b"a", b"x" * 4096),
    ),
    "such a line, and another one": (
        b"b",
        b"--b\r\n" + FILE + QUOTED.replace(b"\n", b"\r\n") + b"x" * 4096 + b"\r\n\r\n--b--",
        "bufio: buffer full",
    ),
}


@pytest.mark.parametrize(("boundary", "body", "expected"), CASES.values(), ids=CASES)
def test_part_is_read_in_the_pieces_in_which_go_reads_it(
    boundary: bytes, body: bytes, expected: object
) -> None:
    content_type = b"multipart/form-data; boundary=" + boundary
    assert parse(content_type, [body]) == expected
    for step in (1, 100, 4096) if len(body) < 5000 else (997, 4096):
        pieces = cut(body, range(step, len(body), step))
        assert parse(content_type, pieces) == expected
        assert parse(content_type, views(pieces)) == expected
