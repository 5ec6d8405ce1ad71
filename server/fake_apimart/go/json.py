"""`encoding/json`: values as the bytes that Go writes, and bytes as the values that Go reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from fake_apimart.go.json_scanner import JSONError, Scanner

MAX_DEPTH = 10_000
"""How many arrays and objects may stand in one another."""
MAX_INTEGER_DIGITS = 640
"""A longer integer is read as a float: Python may be configured to convert no more digits."""

__all__ = ["MAX_DEPTH", "JSONError", "marshal", "match_fields", "unmarshal"]

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
)
# Go escapes what is unsafe in HTML and JavaScript, and writes an escaped U+FFFD for each byte that
# is not UTF-8; such bytes are lone surrogates here (`surrogateescape`).
_ESCAPED = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
# A pair of surrogates, an unpaired one, or any other escape.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
_UNPAIRED_LENGTH = len(r"\ud800")


def marshal(value: Any) -> bytes:
    """Encode as `json.Marshal` does: compact, keys in insertion order, HTML characters escaped."""
    return _ESCAPED.sub(_escape, _ENCODER.encode(value)).encode()


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"


def unmarshal(data: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Return the value that `data` holds, as `json.Unmarshal` reads it. Raises JSONError.

    Bytes that are not UTF-8, and unpaired surrogates, become U+FFFD. Numbers are floats, infinite
    ones where they are too large, but for integers of at most MAX_INTEGER_DIGITS. What is nested
    deeper than KEPT_DEPTH may be None.
    """
    if data.count(b"[") + data.count(b"{") > max_depth:
        data = Scanner(data, max_depth).scan()
    try:
        return _DECODER.decode(_text_of(data))
    except (ValueError, RecursionError):
        return _DECODER.decode(_text_of(Scanner(data, max_depth).scan()))


class _RepeatedFields(dict[str, Any]):
    """An object that names fields more than once; as a dict it has the last value of each."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def match_fields(
    given: Mapping[str, Any], names: Iterable[str]
) -> tuple[dict[str, Any], Sequence[str]]:
    """Return the fields `names` of an object, as Go fills a struct, and the names of no field.

    Names match in any case, and the last of equal ones counts. What is null is left out, and takes
    nothing from text, numbers and booleans that were there before.
    """
    by_folded_name = {_fold(name): name for name in names}
    fields: dict[str, Any] = {}
    others: dict[str, None] = {}
    pairs = given.pairs if isinstance(given, _RepeatedFields) else given.items()
    for name, value in pairs:
        field = by_folded_name.get(_fold(name))
        if field is None:
            others[name] = None
        elif value is not None or isinstance(fields.get(field), list | dict):
            fields[field] = value
    return {name: value for name, value in fields.items() if value is not None}, list(others)


def _fold(name: str) -> str:
    """Return `name` in Go's folded case, where U+017F is an s and U+212A a k."""
    return name.replace("\u017f", "s").lower()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _RepeatedFields(pairs)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else float(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(
    parse_int=_number, parse_constant=_refuse_constant, object_pairs_hook=_object
)


def _text_of(data: bytes) -> str:
    """Decode, with U+FFFD for each byte that is not UTF-8 and each escape of half a character."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = _NOT_UTF_8.sub("\ufffd", data.decode("utf-8", "surrogateescape"))
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE.sub(_replace_unpaired, text)
    return text


def _replace_unpaired(escape: re.Match[str]) -> str:
    return r"\ufffd" if len(escape[0]) == _UNPAIRED_LENGTH else escape[0]
