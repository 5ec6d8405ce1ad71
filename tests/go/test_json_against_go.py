"""Differential tests: the same random JSON to Go's own encoding/json and to our reader."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_apimart.go.json import MAX_DEPTH, JSONError, match_fields, unmarshal

from tests.go.test_json import FAULTS, FIELDS, VALUES

REFERENCE = Path(__file__).parents[1] / "go_reference"
TEXTS_PER_SEED = 5000

pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.skipif(shutil.which("go") is None, reason="needs Go"),
]


class Go:
    """A process that reads JSON with Go's encoding/json, connected by pipes."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def read(self, text: bytes) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(struct.pack(">I", len(text)) + text)
        self._process.stdin.flush()
        answer: dict[str, Any] = unmarshal(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Go]:
    program = tmp_path_factory.mktemp("go") / "reference"
    subprocess.run(
        ["go", "build", "-o", str(program), "./json"],
        cwd=REFERENCE,
        check=True,
        env={**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
    )
    reference = Go(program)
    yield reference
    reference.close()


PIECES = [
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b" ", b"\t", b"\n", b"\x0c", b"\x00"),
    *(b"true", b"false", b"null", b"tru", b"NaN", b"-", b"0", b"1", b"9" * 700, b".5", b"1e999"),
    *(b"e", b"E+", b"+", b"-Infinity", b"'", b"/", b"\\u", b"d83d", b"\\ud83d\\ude00", b"\\udc00"),
    *(b'"n"', b'"N":', b'"prompt":', b'"PROMPT":"x",', '"ta\u017f\u212a":'.encode(), b'"task"'),
    *(b'"image_urls":[', b'"Image_URLs":null', b"\xff", b"\xe2\x82", b"\xed\xa0\x80", b"\xc2\xa0"),
    *("é😀\u2028\ufeff".encode(), b'\\"', b"\\/", b"\\x", b'"a"', b"[]", b"{}", b"01", b"1.0"),
]


class Texts:
    """Random JSON: some well-formed, and changed in a few places, some of pieces alone."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def draw(self) -> bytes:
        if self._random.random() < 0.3:
            return b"".join(self._random.choices(PIECES, k=self._random.randrange(12)))
        text = bytearray(self._value(4))
        for _ in range(self._random.choice([0, 0, 1, 1, 2, 5])):
            start = self._random.randrange(len(text) + 1)
            stop = start + self._random.choice([0, 0, 1, 1, 2, 10])
            text[start:stop] = self._random.choice(
                [b"", *PIECES, bytes([self._random.randrange(256)])]
            )
        if self._random.random() < 0.1:
            del text[self._random.randrange(len(text) + 1) :]
        return bytes(text)

    def _value(self, depth: int) -> bytes:
        kind = self._random.randrange(8)
        if depth and kind < 2:
            return b"[" + b",".join(self._value(depth - 1) for _ in range(kind * 2)) + b"]"
        if depth and kind < 5:
            pairs = (self._string() + b": " + self._value(depth - 1) for _ in range(kind))
            return b"{" + b" ,".join(pairs) + b"}"
        if kind == 5:
            return self._random.choice([b"0", b"-0", b"1.5", b"-12e+3", b"9" * 20, b"2E-1"])
        return self._random.choice([b"true", b"false", b"null", self._string(), self._string()])

    def _string(self) -> bytes:
        names = ["n", "N", "prompt", "Prompt", "TASK", "ta\u017fk", "tas\u212a", "image_URLS", "x"]
        parts = [
            rb"\ud83d",
            rb"\ude00",
            rb"\u017f",
            rb"\n",
            b"\xff",
            b"\xe7\x85",
            "照".encode(),
            b"a",
        ]
        if self._random.random() < 0.6:
            return f'"{self._random.choice(names)}"'.encode()
        return b'"' + b"".join(self._random.choices(parts, k=self._random.randrange(4))) + b'"'


def compare(text: bytes, go: Go) -> bool:
    """Hold what we read to what Go reads; return whether it was taken."""
    theirs = go.read(text)
    ours = read(text)
    assert {key: theirs[key] for key in theirs if key != "fields"} == ours, text
    if "fields" in theirs and isinstance(ours["value"], dict):
        fields, _ = match_fields(ours["value"], FIELDS)
        urls = [each or "" for each in fields.get("image_urls", [])]
        absent = {"task": "", "prompt": "", "n": 0}
        filled = {**absent, **fields, "image_urls": urls if "image_urls" in fields else None}
        assert theirs["fields"] == filled, text
    return "value" in ours


def read(text: bytes) -> dict[str, Any]:
    """Return what we say to a text, in the form of Go's answers."""
    try:
        return {"value": unmarshal(text)}
    except JSONError as error:
        return {"error": str(error)}


@pytest.mark.parametrize("seed", range(3))
def test_random_texts_are_read_as_go_reads_them(seed: int, go: Go) -> None:
    texts = Texts(seed)
    taken = sum(compare(texts.draw(), go) for _ in range(TEXTS_PER_SEED))
    assert 0.2 < taken / TEXTS_PER_SEED < 0.8, "both kinds are compared"


def test_tables_hold_what_go_says(go: Go) -> None:
    for text, fault in FAULTS.items():
        assert go.read(text) == {"error": fault}
    for text, value in VALUES.items():
        assert go.read(text)["value"] == value
    deep = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    assert "value" in go.read(deep), "its answer, an object around it, is read too"
