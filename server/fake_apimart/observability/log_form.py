"""The forms that lines of the log can have: text for people, JSON for programs.

Whatever is in a line was sent by somebody: it is shown without secrets, and on one line.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.common.redaction import redacted_query, redacted_text
from fake_apimart.common.texts import one_line
from fake_apimart.observability.request_record import RequestRecord

_NANOSECONDS_PER_MILLISECOND = 1_000_000


@cache_short_inputs
def shown_path(path: str) -> str:
    """Return a path as it may be shown, escaped as in a URL."""
    shown = redacted_text(path)
    try:
        # A byte that is not UTF-8 may be a lone surrogate in a path.
        return quote(shown, safe="/*", errors="surrogateescape")
    except UnicodeEncodeError:
        # No byte is behind this one, which only a foreign server can have made.
        return quote(shown, safe="/*", errors="replace")


def _shown_target(record: RequestRecord) -> str:
    target = shown_path(record.path)
    if not record.query:
        return target
    return f"{target}?{redacted_query(record.query).decode('ascii', 'backslashreplace')}"


def _shown_client(record: RequestRecord) -> str:
    client = record.client
    return f"{client[0]}:{client[1]}" if client else ""


def _milliseconds(record: RequestRecord) -> float:
    return record.duration_ns / _NANOSECONDS_PER_MILLISECOND


class Form(Protocol):
    """How lines of the log are written; `stamp` is the time that a line begins with."""

    @property
    def formatter(self) -> logging.Formatter:
        """Return what formats the records of Python's logging."""

    def message(self, record: RequestRecord) -> str:
        """Return what is told of a request, without time and level."""

    def line(self, stamp: str, record: RequestRecord) -> str:
        """Return the line of a request, with its line end."""


class TextForm:
    """Lines such as `2026-11-26 17:28:03,123 INFO text`."""

    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s")

    def message(self, record: RequestRecord) -> str:
        request = "-"
        if record.method:
            request = f"{record.method} {_shown_target(record)} HTTP/{record.http_version}"
        text = (
            f'{_shown_client(record)} - "{request}" {record.status or "-"} '
            f"operation={record.operation or '-'} ms={_milliseconds(record):.3f} "
            f"in={record.bytes_in} out={record.bytes_out}"
        )
        if record.request_id:
            text += " id=" + record.request_id
        if record.world:
            text += " world=" + record.world
        if record.label:
            text += " label=" + _quoted(record.label)
        if record.reason:
            text += " reason=" + _quoted(record.reason)
        if record.is_cut:
            text += " cut"
        return one_line(text)

    def line(self, stamp: str, record: RequestRecord) -> str:
        return f"{stamp} INFO {self.message(record)}\n"


@cache_short_inputs
def _quoted(reason: str) -> str:
    return json.dumps(redacted_text(reason), ensure_ascii=False)


class _JSONFormatter(logging.Formatter):
    """Makes objects of the records of Python's logging; a traceback is a member."""

    def format(self, record: logging.LogRecord) -> str:
        members = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            members["traceback"] = record.exc_text
        return _dump(members)


class JSONForm:
    """A JSON object in ASCII on each line."""

    formatter = _JSONFormatter()

    def message(self, record: RequestRecord) -> str:
        return _dump(_fields(record))

    def line(self, stamp: str, record: RequestRecord) -> str:
        return _dump({"time": stamp, "level": "INFO", **_fields(record)}) + "\n"


def _fields(record: RequestRecord) -> dict[str, Any]:
    return {
        "message": "request",
        "client": _shown_client(record) or None,
        "method": record.method or None,
        "path": one_line(_shown_target(record)) if record.method else None,
        "http_version": record.http_version or None,
        "status": record.status,
        "operation": record.operation or None,
        "duration_ms": _milliseconds(record),
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
        "request_id": record.request_id or None,
        "world": record.world or None,
        "label": one_line(redacted_text(record.label)) if record.label else None,
        "reason": one_line(redacted_text(record.reason)) if record.reason else None,
        "cut": record.is_cut,
    }


def _dump(members: Mapping[str, Any]) -> str:
    return json.dumps(members, separators=(",", ":"))


FORMS: Mapping[str, Form] = {"text": TextForm(), "json": JSONForm()}
"""By the values of the setting `log_format`."""
