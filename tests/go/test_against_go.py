"""Differential tests: the same random forms to Go's own net/http and to our parser."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_apimart.net_http.form import NOT_MULTIPART

from tests.go.cases import CUT_LINES, CUT_QUOTED, ENDS, LAST_LINES, Case, Cases
from tests.go.parsing import Parsed, cut, parse, views
from tests.go.test_part_reader import CASES as PARTS
from tests.go.toolchain import VERSION, build, toolchain

REFERENCE = Path(__file__).parents[1] / "go_reference"
CASES_PER_SEED = 1000
A_FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nhello\r\n'

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")


class Go:
    """A process that parses forms with Go's net/http, connected by pipes."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def parse(self, case: Case) -> Parsed:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        fields = (case.content_type, case.query, case.body, case.end.encode())
        self._process.stdin.write(
            b"".join(struct.pack(">I", len(field)) + field for field in fields)
        )
        self._process.stdin.flush()
        result = json.loads(self._process.stdout.readline())
        if "error" in result:
            return bytes.fromhex(result["error"]).decode("utf-8", "surrogateescape")
        return bytes.fromhex(result["filename"]), bytes.fromhex(result["content"])

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Go]:
    program = tmp_path_factory.mktemp("go") / "reference"
    build(REFERENCE, program)
    reference = Go(program)
    yield reference
    reference.close()


def test_go_that_we_compare_with_is_the_one_whose_texts_we_speak() -> None:
    if toolchain() != VERSION:
        pytest.skip(f"{VERSION} cannot be had: compared with the Go that is installed")


@pytest.mark.parametrize("seed", range(3))
def test_random_forms_are_read_as_go_reads_them(seed: int, go: Go) -> None:
    cases = Cases(seed)
    compared = 0
    for _ in range(CASES_PER_SEED):
        case = cases.draw()
        pieces = cut(case.body, cases.cuts(case.body))
        chunks = views(pieces) if cases.random.random() < 0.5 else pieces
        ours = parse(case.content_type, chunks, case.query, case.end)
        theirs = go.parse(case)
        if case.content_type:
            compared += 1
            assert ours == theirs, case
    assert compared >= 0.9 * CASES_PER_SEED, "nearly all are compared"


@pytest.mark.parametrize("end", sorted(set(ENDS)))
@pytest.mark.parametrize("line", CUT_LINES, ids=range(len(CUT_LINES)))
def test_header_line_that_is_cut_is_read_as_go_reads_it(line: bytes, end: str, go: Go) -> None:
    case = Case(b"multipart/form-data; boundary=b", b"", b"--b\r\n" + line, end)
    assert parse(case.content_type, [case.body], case.query, end) == go.parse(case)


@pytest.mark.parametrize("end", sorted(set(ENDS)))
@pytest.mark.parametrize("data", CUT_QUOTED, ids=range(len(CUT_QUOTED)))
def test_quoted_printable_that_is_cut_is_read_as_go_reads_it(data: bytes, end: str, go: Go) -> None:
    header = (
        b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    case = Case(b"multipart/form-data; boundary=b", b"", b"--b\r\n" + header + data, end)
    assert parse(case.content_type, [case.body], case.query, end) == go.parse(case)


@pytest.mark.parametrize("end", sorted(set(ENDS)))
@pytest.mark.parametrize("line", LAST_LINES, ids=range(len(LAST_LINES)))
@pytest.mark.parametrize("part", [b"", A_FILE], ids=["preamble", "behind a part"])
def test_last_line_is_read_as_go_reads_it(part: bytes, line: bytes, end: str, go: Go) -> None:
    case = Case(b"multipart/form-data; boundary=b", b"", part + line, end)
    theirs = go.parse(case)
    assert parse(case.content_type, [case.body], case.query, end) == theirs
    assert parse(case.content_type, cut(case.body, range(len(case.body))), end=end) == theirs


@pytest.mark.parametrize(("boundary", "body"), [row[:2] for row in PARTS.values()], ids=PARTS)
def test_part_is_read_in_the_pieces_of_go_itself(boundary: bytes, body: bytes, go: Go) -> None:
    case = Case(b"multipart/form-data; boundary=" + boundary, b"", body, "EOF")
    assert parse(case.content_type, [body]) == go.parse(case)


def test_missing_content_type_is_refused_as_go_refuses_it(go: Go) -> None:
    case = Case(b"", b"", b"", "EOF")
    assert go.parse(case) == parse(b"", [b""]) == NOT_MULTIPART
