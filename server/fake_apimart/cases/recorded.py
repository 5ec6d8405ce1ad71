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

_UPLOAD = {
    "url": "<url>",
    "filename": "<string>",
    "content_type": "<string>",
    "bytes": "<integer>",
    "created_at": "<integer created>",
}
_IN_TIME = {"source": "live 2026-06/2026-09", "relations": ["sent <= created <= answered"]}
_UNUSABLE_NAMES = ("/", ".", "..")
"""File names that are not in URLs."""
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
            "expect": [_ambiguous()] if known else list(_form_answer(each)),
        }


def _ambiguous() -> dict[str, Any]:
    return {"source": "assumed", "status": 400, "text": "400 Bad Request"}


def _form_answer(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    vendor = case["vendor"]
    # All of them ask for the connection to be closed, but in HTTP/1.0 nobody says so.
    is_said = b" HTTP/1.1\r\n" in recorded(f"form/{case['file']}")
    answer = {
        "source": "go",
        "status": vendor["status"],
        "headers": {"connection": "close" if is_said else None},
    }
    if vendor["status"] == 200:
        url = f"http://<word>/f/image/<file_id>-{_name_in_url(case)}"
        yield {**answer, "json": {**_UPLOAD, **vendor["fields"], "url": url}}
        yield _IN_TIME
        return
    error = dict(vendor["body"]["error"])
    # The type's name is libmagic's here, whose releases differ.
    before, colon, after = error["message"].partition("unsupported image type: ")
    if colon:
        error["message"] = f"{before}{colon}<word>/<word>, {after.partition(', ')[2]}"
    yield {**answer, "json": {"error": error}}


def _name_in_url(case: dict[str, Any]) -> str:
    """Return how Go escapes the file's name, but for names that would have another meaning."""
    measured = case["go"]
    if measured.get("filename") in _UNUSABLE_NAMES:
        return "file"
    # What Go was not asked for has a name that needs no escapes.
    return str(measured.get("url_path_escape", case["vendor"]["fields"]["filename"]))


def wire_cases() -> Iterator[dict[str, Any]]:
    """Yield requests about everything around forms."""
    for name, each in _expected("wire").items():
        is_known = each["headers"].get("x-oneapi-request-id") is not None
        frame = "empty" if each.get("body") == "" else "api"
        answer = {
            "source": each["tag"],
            "version": each["version"],
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
            rest = _UPLOAD if "filename" in each["json"] else {"<more>": None}
            answer["json"] = {**rest, **each["json"]}
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
            "expect": list(_type_answer(each)),
        }


def _type_answer(sample: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if sample["accept"]:
        fields = {
            "url": "<origin>/f/image/<file_id>-x.bin",
            "filename": "x.bin",
            "content_type": sample["content_type"],
            "bytes": len(recorded(f"mime/{sample['name']}")),
        }
        yield {"source": "page", "status": 200, "json": {**_UPLOAD, **fields}}
        yield _IN_TIME
        return
    message = "unsupported image type: <word>/<word>, allowed: jpeg, png, gif, webp"
    error = {"message": message, "type": "invalid_request_error"}
    yield {"source": "page", "status": 400, "json": {"error": error}}


def _expected(folder: str) -> Any:
    return json.loads(recorded(f"{folder}/expected.json"))
