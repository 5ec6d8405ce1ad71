"""What the journal keeps of heads, of bodies and of answers, and how these are shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from fake_apimart.common.redaction import (
    beginning_of,
    is_secret,
    redacted_broken_json,
    redacted_header,
    redacted_json,
    redacted_string,
    redacted_text,
)
from fake_apimart.go.json import marshal, marshal_exactly, unmarshal

BODY_BYTES = 8 * 1024
"""Prefix of a body that is kept."""
MAX_BODY_DEPTH = 100
"""How deep a JSON body may be nested that is shown as JSON: parsers of clients have limits."""
HEAD_BYTES = 8 * 1024
"""Largest head, of a request, of a part of its form or of an answer, that is kept."""

Pairs = Iterable[tuple[bytes, bytes]]

_ANSWER_BYTES = 150
"""What an answer takes, and its head and its body beside their bytes."""
_FIRST_ERROR = 400
_LINE_END = b"\r\n"
_COLON = b": "
_TEXT = re.compile(rb"text/|[^;]*\b(?:json|xml)\b", re.IGNORECASE)
_JSON = re.compile(r"[^;]*\bjson\b", re.IGNORECASE)
_MAY_HIDE = (b"@", b"=", b"%", b"sk-", b"bearer", b"basic")
"""Every string of which `redacted_json` shows less than all has one of these in it, in some case.
"""


def lines_of(headers: Pairs) -> bytes:
    """Return headers as lines, or nothing if these are longer than HEAD_BYTES."""
    lines = _LINE_END.join([name + _COLON + value for name, value in headers])
    return lines if len(lines) <= HEAD_BYTES else b""


def headers_of(lines: bytes) -> dict[str, str]:
    """Return the headers in lines by their names, without secrets."""
    pairs = (line.decode("latin-1").partition(": ") for line in lines.split(_LINE_END) if line)
    return {
        # Nothing but letters and digits, as most are: no secret can be told from these words.
        name: value if value.isalnum() and not is_secret(name) else redacted_header(name, value)
        for name, _, value in pairs
    }


def json_of(body: bytes, shown: Callable[[str], str] = redacted_string) -> Any:
    """Return the value of a JSON body, without secrets, in strings as `shown` says.

    What is kept of one is text if clients could not read it back: where it does not parse, is
    nested deeper than MAX_BODY_DEPTH, or holds numbers that are too large for a float.
    """
    try:
        value = redacted_json(unmarshal(body, MAX_BODY_DEPTH), shown)
        return unmarshal(marshal_exactly(value), MAX_BODY_DEPTH)
    except ValueError:
        return redacted_broken_json(_text_of(body))


def _text_of(body: bytes) -> str:
    """Return what is kept of a body as text, without a URL whose host may be cut off."""
    text = body.decode("utf-8", "replace")
    return beginning_of(text, len(text)) if len(body) == BODY_BYTES else text


class KeptAnswer:
    """An answer as it was made: its head, the first BODY_BYTES of a text, and its body's size.

    A file has no body here. What an error says is shown as messages are. `is_own` says that a JSON
    body was written by this server, with names of its own choice: none of them is a secret's, so
    that only the values are to be looked at.
    """

    __slots__ = ("_body", "_head", "_is_error", "_is_own", "_size")

    def __init__(
        self, status: int, headers: Pairs, body: bytes | None, size: int, *, is_own: bool = False
    ) -> None:
        self._head = lines_of(headers)
        self._body = None if body is None else body[:BODY_BYTES]
        self._size = size
        self._is_error = status >= _FIRST_ERROR
        self._is_own = is_own and size <= BODY_BYTES

    @property
    def memory_bytes(self) -> int:
        """The memory that it takes, about."""
        return _ANSWER_BYTES + len(self._head) + len(self._body or b"")

    def to_text(self) -> bytes:
        """Return the answer in the control API's form, as JSON, without secrets."""
        headers = headers_of(self._head)
        body = self._body_text(headers)
        return b'{"headers":%b,"body":%b,"bytes":%d}' % (marshal(headers), body, self._size)

    def _body_text(self, headers: dict[str, str]) -> bytes:
        body = self._body
        if not body:
            return b"null"
        if self._is_own and not self._is_error and not _may_hide(body):
            # As it stands: parsing and writing it again would take longer than all the rest.
            return body
        media_type = headers.get("content-type")
        if media_type is not None and not _JSON.match(media_type):
            return marshal(redacted_text(_text_of(body)))
        if not self._is_error:
            return marshal(json_of(body))
        shown = json_of(body, redacted_text)
        return marshal(redacted_text(shown) if isinstance(shown, str) else shown)


def _may_hide(body: bytes) -> bool:
    lower = body.lower()
    return any(each in lower for each in _MAY_HIDE)


def is_text(headers: Pairs) -> bool:
    """Return whether the body behind a head is a text, as far as its type says, or has no type."""
    types = [value for name, value in headers if name == b"content-type"]
    return not types or _TEXT.match(types[0]) is not None
