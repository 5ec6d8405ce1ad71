"""The JSON of a request, as far as the journal has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fake_apimart.contract.operations import BY_NAME
from fake_apimart.page.snippets.call import Content, JSONBody, SavedBody, TextBody
from fake_apimart.worlds.kept import BODY_BYTES

SAVED_PATH = "body.json"
"""Where a body is read from that the journal has not whole."""

_UNREAD_NOTE = "The server answered before it read the body: put yours in place of {}."
_MISSING_NOTE = "The journal does not have the body."
_CHANGED_NOTE = "The body was no JSON; what the journal shows of it may differ from what was sent."


def body_of(entry: Mapping[str, Any]) -> Content:
    """Return the body of a request that is no form, from its entry in the control API's form."""
    body, size = entry["body"], entry["body_bytes"]
    if size > BODY_BYTES:
        cut = f"The journal has the first {BODY_BYTES} of the body's {size} bytes alone"
        return Content(SavedBody(SAVED_PATH), [f"{cut}: save the whole of it as {SAVED_PATH}."])
    if isinstance(body, dict | list):
        return Content(JSONBody(body))
    if isinstance(body, str):
        return _text(body, size)
    if size:
        return Content(TextBody(json.dumps(body)))
    return _unknown(entry)


def _text(body: str, size: int) -> Content:
    """Return a string, which may be a value of JSON, or text that does not parse."""
    text = body.encode("utf-8", "replace").decode()
    if len(text.encode()) == size:
        return Content(TextBody(text) if text else None)
    for as_json in (json.dumps(text, ensure_ascii=False), json.dumps(text)):
        if len(as_json.encode()) == size:
            return Content(TextBody(as_json))
    return Content(TextBody(text), [_CHANGED_NOTE], is_whole=False)


def _unknown(entry: Mapping[str, Any]) -> Content:
    """Return what stands for a body that nobody has read."""
    headers = entry["headers"]
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return Content(None)
    operation = BY_NAME.get(entry["operation"] or "")
    if operation is not None and "json" in operation.subjects:
        return Content(JSONBody({}), [_UNREAD_NOTE])
    return Content(None, [_MISSING_NOTE])
