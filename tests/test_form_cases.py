"""Recorded requests, sent as raw bytes, compared with the answers of Go's own server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness import RECORDED, ServerThread, exchange, parse_head

FOLDER = RECORDED / "form"
CASES = json.loads((FOLDER / "expected.json").read_text())["cases"]

# The parser refuses ambiguous heads, which allow request smuggling: see docs/fidelity.md.
REFUSED_AS_AMBIGUOUS = ("chunked-and-content-length", "ok-lf-request-head")


def _name(case: dict[str, Any]) -> str:
    return str(case["name"])


def _send(case: dict[str, Any], server: ServerThread) -> tuple[int, dict[str, str], bytes]:
    request = (FOLDER / case["file"]).read_bytes()
    half_close = case.get("half_close", False)
    return parse_head(exchange(server.address, request, half_close=half_close))


def _without_type(message: str) -> str:
    """Remove the type from an `unsupported image type` message: ours is libmagic's name."""
    before, colon, after = message.partition("unsupported image type: ")
    return before + colon + after.partition(", ")[2] if colon else message


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["vendor"]["status"] == 200], ids=_name
)
def test_recorded_upload_is_accepted_as_recorded(
    case: dict[str, Any], server: ServerThread
) -> None:
    status, _, body = _send(case, server)
    if case["name"] in REFUSED_AS_AMBIGUOUS:
        assert (status, body) == (400, b"400 Bad Request")
        return
    answer = json.loads(body)
    assert status == 200, answer
    assert list(answer) == ["url", "filename", "content_type", "bytes", "created_at"]
    assert {key: answer[key] for key in case["vendor"]["fields"]} == case["vendor"]["fields"]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["vendor"]["status"] != 200], ids=_name
)
def test_recorded_refusal_is_given_as_recorded(case: dict[str, Any], server: ServerThread) -> None:
    status, headers, body = _send(case, server)
    answer, expected = json.loads(body), case["vendor"]["body"]
    for error in (answer["error"], expected["error"]):
        error["message"] = _without_type(error["message"])
    assert (status, answer) == (case["vendor"]["status"], expected)
    assert headers["content-type"] == "application/json; charset=utf-8"


def test_every_ambiguous_head_is_a_recorded_case() -> None:
    names = {case["name"] for case in CASES}
    assert names.issuperset(REFUSED_AS_AMBIGUOUS)
