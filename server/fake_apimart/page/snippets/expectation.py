"""What a request was answered, as far as it will be answered so again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fake_apimart.common.redaction import REDACTED
from fake_apimart.page.snippets.call import Call
from fake_apimart.page.snippets.notation import python_text

Path = tuple[str | int, ...]

_FIELDS: dict[str, Sequence[Path]] = {
    "uploads.create": (("filename",), ("content_type",)),
    "generations.create": (("code",), ("data", 0, "status"), ("data", "status")),
    "tasks.get": (("data", "status"),),
    "tasks.batch": (("code",),),
    "models.list": (("object",),),
    "models.get": (("id",),),
    "models.schema": (("object",), ("model",)),
    "models.docs": (("object",), ("model",)),
    "balance.get": (("success",),),
}
"""The fields of a good answer that do not differ from one time to the next."""
_MESSAGE: Path = ("error", "message")
_REQUEST_ID = re.compile(r" \(request id: [^)]*\)$")
_OF_THE_KEY = re.compile(r"\[token_id=\d+\] insufficient balance")
_NAMING_THE_REQUEST = (401, 402)
"""Statuses whose messages end with the request's id, which the entry's error is without."""
_CUT = "…"


def assertions(entry: Mapping[str, Any], call: Call) -> Iterator[str]:
    """Yield the lines of a test that check `response`; none where nothing was answered."""
    if entry["status"] is None:
        return
    yield f"assert response.status_code == {entry['status']}"
    if not call.is_whole or call.method == "HEAD":
        return
    message = message_of(entry)
    if message is not None:
        yield _of_message(message, entry["status"])
        return
    body = answer_of(entry)
    for path in _FIELDS.get(entry["operation"] or "", ()):
        value = at(body, path)
        if isinstance(value, str | int) and REDACTED not in str(value):
            shown = _literal(value)
            yield f"assert response.json(){_subscripts(path)} {shown}"


def answer_of(entry: Mapping[str, Any]) -> Any:
    """Return the JSON of the answer, or what the entry itself says of it."""
    answer = entry.get("answer")
    if answer is not None:
        return answer["body"]
    is_upload = entry["operation"] == "uploads.create" and entry["status"] == 200
    return {name: entry[name] for name in ("filename", "content_type")} if is_upload else None


def message_of(entry: Mapping[str, Any]) -> str | None:
    """Return the message of an error that was answered as JSON, None where none is known."""
    answer = entry.get("answer")
    message = at(answer["body"], _MESSAGE) if answer is not None else entry["error"]
    if not isinstance(message, str) or entry["operation"] == "files.get":
        return None
    return message if REDACTED not in message and not message.endswith(_CUT) else None


def at(value: Any, path: Path) -> Any:
    """Return what stands at `path` in a JSON value, None where there is no such place."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _of_message(message: str, status: int) -> str:
    said = f"response.json(){_subscripts(_MESSAGE)}"
    if _OF_THE_KEY.match(message):
        return f'assert "insufficient balance" in {said}'
    same = _REQUEST_ID.sub("", message)
    if same != message or status in _NAMING_THE_REQUEST:
        return f"assert {said}.startswith({python_text(same)})"
    return f"assert {said} == {python_text(same)}"


def _subscripts(path: Path) -> str:
    return "".join(f"[{step if isinstance(step, int) else python_text(step)}]" for step in path)


def _literal(value: str | int) -> str:
    if isinstance(value, bool):
        return f"is {value}"
    return f"== {python_text(value) if isinstance(value, str) else value}"
