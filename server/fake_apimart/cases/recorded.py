"""Cases made of recorded requests and samples, whose right answers were measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fake_apimart.cases.case import Behaviour, Case, CaseFile
from fake_apimart.cases.contents import recorded

ACCEPTED = ("url", "filename", "content_type", "bytes", "created_at")
AMBIGUOUS = {"chunked-and-content-length", "ok-lf-request-head"}
"""Requests that allow smuggling, which our server refuses on purpose: a known difference."""

_UPLOAD = {"url": "<url>", "filename": "<string>", "content_type": "<string>"} | dict.fromkeys(
    ("bytes", "created_at"), "<integer>"
)
_FORM_KEY = "sk-go-cases-valid-token"
_UNAUTHORIZED = 401
_WIRE_KEY = "sk-goodkey"


def recorded_files() -> Iterator[CaseFile]:
    """Yield the recorded cases, by the operation that they belong to."""
    yield CaseFile(
        operation="every_answer",
        title="",
        behaviours=(_behaviour("recorded requests about heads, bodies and keys", wire_cases()),),
    )
    yield CaseFile(
        operation="uploads.create",
        title="",
        behaviours=(
            _behaviour("recorded forms", form_cases()),
            _behaviour("samples of file types", sample_cases()),
        ),
    )


def _behaviour(says: str, cases: Iterator[dict[str, Any]]) -> Behaviour:
    return Behaviour(says=says, cases=tuple(map(Case.model_validate, cases)))


def form_cases() -> Iterator[dict[str, Any]]:
    """Yield uploads of all kinds of forms, which Go's own server was sent."""
    for each in _expected("form")["cases"]:
        limit = {"max_body_bytes": 65536} if each["server"] != "plain" else {}
        known = each["name"] in AMBIGUOUS
        yield {
            "name": f"form-{each['name']}",
            "settings": limit,
            "request": {
                "recorded": f"form/{each['file']}",
                "recorded_key": _FORM_KEY,
                "half_close": each.get("half_close", False),
            },
            "frame": "none" if known else "api",
            "expect": [_ambiguous() if known else _form_answer(each)],
        }


def _ambiguous() -> dict[str, Any]:
    return {"source": "assumed", "status": 400, "text": "400 Bad Request"}


def _form_answer(case: dict[str, Any]) -> dict[str, Any]:
    vendor = case["vendor"]
    # All of them ask for the connection to be closed, but in HTTP/1.0 nobody says so.
    is_said = b" HTTP/1.1\r\n" in recorded(f"form/{case['file']}")
    answer = {"source": "go", "headers": {"connection": "close" if is_said else None}}
    if vendor["status"] == 200:
        return {**answer, "status": 200, "json": {**_UPLOAD, **vendor["fields"]}}
    error = dict(vendor["body"]["error"])
    # The type's name is libmagic's here, whose releases differ.
    before, colon, after = error["message"].partition("unsupported image type: ")
    if colon:
        error["message"] = f"{before}{colon}<any>, {after.partition(', ')[2]}"
    return {**answer, "status": vendor["status"], "json": {"error": error}}


def wire_cases() -> Iterator[dict[str, Any]]:
    """Yield requests about everything around forms."""
    for name, each in _expected("wire").items():
        is_known = each["headers"].get("x-oneapi-request-id") is not None
        frame = "empty" if each.get("body") == "" else "api"
        answer = {
            "source": each["tag"],
            "status": each["status"],
            "reason": each["reason"],
            "headers": {
                header: "<request_id rid>" if value == "<rid>" else value
                for header, value in each["headers"].items()
            },
            "connection": "open" if each["connection"] == "open" else "closed",
        }
        if "body" in each:
            answer["text"] = each["body"].replace("<rid>", "<request_id rid>")
        if "json" in each:
            answer["json"] = {**each["json"], "<more>": None}
        yield {
            "name": f"wire-{name}",
            # Where the key is refused, none but this one must be good.
            "settings": {"api_keys": [_WIRE_KEY]} if each["status"] == _UNAUTHORIZED else {},
            "request": {
                "recorded": f"wire/{name}.http",
                "recorded_key": _WIRE_KEY if each["status"] != _UNAUTHORIZED else "",
                "half_close": each["half_close"],
            },
            "frame": frame if is_known else "none",
            "expect": [answer],
        }


def sample_cases() -> Iterator[dict[str, Any]]:
    """Yield files of many formats: which are taken, and as what."""
    for each in _expected("mime")["samples"]:
        upload = {
            "method": "POST",
            "path": "/v1/uploads/images",
            "form": [
                {"name": "file", "filename": "x.bin", "content": {"sample": each["name"]}},
            ],
        }
        yield {
            "name": f"type-{each['name']}",
            "request": upload,
            "expect": [_type_answer(each)],
        }


def _type_answer(sample: dict[str, Any]) -> dict[str, Any]:
    if sample["accept"]:
        expected = {**_UPLOAD, "filename": "x.bin", "content_type": sample["content_type"]}
        return {"source": "page", "status": 200, "json": expected}
    message = "unsupported image type: <any>, allowed: jpeg, png, gif, webp"
    error = {"message": message, "type": "invalid_request_error"}
    return {"source": "page", "status": 400, "json": {"error": error}}


def _expected(folder: str) -> Any:
    return json.loads(recorded(f"{folder}/expected.json"))
