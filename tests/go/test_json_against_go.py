"""Differential tests: the same random JSON to Go's own encoding/json and to our reader."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_apimart.go.json import MAX_DEPTH, JSONError, match_fields, unmarshal

from tests.go.json_texts import Texts
from tests.go.test_json import FAULTS, FIELDS, VALUES
from tests.go.toolchain import build

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
    build(REFERENCE, program, "./json")
    reference = Go(program)
    yield reference
    reference.close()


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
