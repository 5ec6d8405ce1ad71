"""Differential tests: the same random forms to Go's own net/http and to our parser."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_apimart.net_http.form import NOT_MULTIPART, FormFile

from tests.go.cases import CUT_LINES, CUT_QUOTED, ENDS, LAST_LINES, Case, Cases
from tests.go.parsing import Parsed, cut, parse, views

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
    subprocess.run(
        ["go", "build", "-o", str(program), "."],
        cwd=REFERENCE,
        check=True,
        env={**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
    )
    reference = Go(program)
    yield reference
    reference.close()


@pytest.fixture
def nameless_quoted_printable(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that gets an element for each quoted-printable part without a name.

    For errors in such a part, Go's answer depends on how its buffers were filled.
    """
    occurrences: list[bool] = []
    on_headers_finished = FormFile._on_headers_finished

    def watched(self: FormFile) -> None:
        encoding = self._reader.header.get(b"Content-Transfer-Encoding", [b""])[0].lower()
        on_headers_finished(self)
        if encoding == b"quoted-printable" and self._reader._skipping:
            occurrences.append(True)

    monkeypatch.setattr(FormFile, "_on_headers_finished", watched)
    return occurrences


@pytest.mark.parametrize("seed", range(3))
def test_random_forms_are_read_as_go_reads_them(
    seed: int, go: Go, nameless_quoted_printable: list[bool]
) -> None:
    cases = Cases(seed)
    compared = 0
    for _ in range(CASES_PER_SEED):
        case = cases.draw()
        steps = [1, 2, 7, 100, 4096] if len(case.body) < 5000 else [100, 4096, 10**6]
        step = cases.random.choice(steps)
        nameless_quoted_printable.clear()
        pieces = cut(case.body, range(step, len(case.body), step))
        chunks = views(pieces) if cases.random.random() < 0.5 else pieces
        ours = parse(case.content_type, chunks, case.query, case.end)
        theirs = go.parse(case)
        if not nameless_quoted_printable and case.content_type:
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


def test_missing_content_type_is_refused_as_go_refuses_it(go: Go) -> None:
    case = Case(b"", b"", b"", "EOF")
    assert go.parse(case) == parse(b"", [b""]) == NOT_MULTIPART
