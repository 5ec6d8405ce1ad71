"""`encoding/json`: values as the bytes that Go writes, and bytes as the values that Go reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, NoReturn

from fake_apimart.go import strconv

MAX_DEPTH = 10_000
"""How many arrays and objects may stand in one another."""
KEPT_DEPTH = 100
"""What is nested deeper than that may be read as None: no field that is read is so deep."""
MAX_INTEGER_DIGITS = 640
"""A longer integer is read as a float: Python may be configured to convert no more digits."""

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


class JSONError(ValueError):
    """The text is no JSON; the message is Go's."""


def marshal(value: Any) -> bytes:
    """Encode as `json.Marshal` does: compact, keys in insertion order, HTML characters escaped."""
    return _ESCAPED.sub(_escape, _ENCODER.encode(value)).encode()


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"


def unmarshal(data: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Return the value that `data` holds, as `json.Unmarshal` reads it. Raises JSONError.

    Bytes that are not UTF-8, and unpaired surrogates, become U+FFFD. Numbers are floats, infinite
    ones where they are too large, but for integers of at most MAX_INTEGER_DIGITS.
    """
    if data.count(b"[") + data.count(b"{") > max_depth:
        data = _Scanner(data, max_depth).scan()
    try:
        return _DECODER.decode(_text_of(data))
    except (ValueError, RecursionError):
        return _DECODER.decode(_text_of(_Scanner(data, max_depth).scan()))


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


class _State(Enum):
    """What comes next; the value is how Go speaks of a byte that cannot."""

    VALUE = "looking for beginning of value"
    KEY = "looking for beginning of object key string"
    COLON = "after object key"
    AFTER_ELEMENT = "after array element"
    AFTER_PAIR = "after object key:value pair"
    END = "after top-level value"


_SPACE_PATTERN = rb"[ \t\r\n]*+"
_UNCLOSED_STRING_PATTERN = (
    rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+'
)
_STRING_PATTERN = _UNCLOSED_STRING_PATTERN + b'"'
_SCALAR_PATTERN = (
    rb"(?:%b|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+|true|false|null)"
    % _STRING_PATTERN
)

_SPACE = re.compile(_SPACE_PATTERN)
_UNCLOSED_STRING = re.compile(_UNCLOSED_STRING_PATTERN)
_BROKEN_HEXADECIMAL_ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{0,3}")
_BEGUN_NUMBER = re.compile(
    rb"-?(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?+(?:(?<!\.)[eE][+-]?[0-9]*+)?+)?+"
)
# Long arrays and objects without others in them are read at once, for speed.
_ELEMENTS = re.compile(rb"(?:%b%b,%b)++" % (_SCALAR_PATTERN, _SPACE_PATTERN, _SPACE_PATTERN))
_PAIRS = re.compile(
    rb"(?:%b%b:%b%b%b,%b)++"
    % (_STRING_PATTERN, *[_SPACE_PATTERN] * 2, _SCALAR_PATTERN, *[_SPACE_PATTERN] * 2)
)

_LITERALS = {word[:1]: word for word in (b"true", b"false", b"null")}
_QUOTED = {'"': '"', "'": r"\'"}
_CLOSING = {b"[": b"]", b"{": b"}"}
_BEGINNING = {b"[": _State.VALUE, b"{": _State.KEY}
_AFTER = {b"]": _State.AFTER_ELEMENT, b"}": _State.AFTER_PAIR}
_NEXT = {
    (_State.COLON, b":"): _State.VALUE,
    (_State.AFTER_ELEMENT, b","): _State.VALUE,
    (_State.AFTER_PAIR, b","): _State.KEY,
}
_UNFINISHED_NUMBERS = {
    b"-": "in numeric literal",
    b".": "after decimal point in numeric literal",
    b"e": "in exponent of numeric literal",
}


class _Scanner:
    """Reads a text from its start, without recursion, and stops where Go's scanner does."""

    def __init__(self, data: bytes, max_depth: int) -> None:
        # At the end Go reads a space: it ends a number, and is a fault in what needs another byte.
        self._data = data + b" "
        self._max_depth = max_depth
        self._position = 0
        self._open: list[bytes] = []
        self._kept: list[bytes] = []
        self._kept_to = 0

    def scan(self) -> bytes:
        """Return the text with null for what is nested too deep to be kept. Raises JSONError."""
        state = _State.VALUE
        while (byte := self._next_byte()) is not None:
            state = self._step(state, byte)
        if state is not _State.END:
            raise JSONError("unexpected end of JSON input")
        return b"".join([*self._kept, self._data[self._kept_to :]])

    def _next_byte(self) -> bytes | None:
        """Move to the next byte that is no space and return it, or None at the end."""
        self._skip(_SPACE)
        return self._data[self._position : self._position + 1] or None

    def _skip(self, pattern: re.Pattern[bytes]) -> bytes:
        """Move behind what matches here, if anything, and return it."""
        found = pattern.match(self._data, self._position)
        if found is None:
            return b""
        self._position = found.end()
        return found[0]

    def _step(self, state: _State, byte: bytes) -> _State:
        """Read what begins with `byte`, and return what comes next."""
        if state is _State.VALUE:
            return self._value(byte)
        if state is _State.KEY and byte == b'"':
            if self._skip(_PAIRS):
                return state
            return _State.COLON if self._skip_string() else state
        if self._open and byte == self._open[-1] and state is _AFTER[byte]:
            return self._close()
        if (state, byte) not in _NEXT:
            raise self._fault(state.value)
        self._position += 1
        return _NEXT[state, byte]

    def _value(self, byte: bytes) -> _State:
        if byte in _CLOSING:
            return self._begin(byte)
        if self._open[-1:] == [b"]"] and self._skip(_ELEMENTS):
            return _State.VALUE
        if byte == b'"':
            return self._after_value() if self._skip_string() else _State.VALUE
        if byte in _LITERALS:
            self._skip_literal(_LITERALS[byte])
        elif byte in b"-0123456789":
            self._skip_number()
        else:
            raise self._fault(_State.VALUE.value)
        return self._after_value()

    def _after_value(self) -> _State:
        return _AFTER[self._open[-1]] if self._open else _State.END

    def _begin(self, bracket: bytes) -> _State:
        if len(self._open) == KEPT_DEPTH:
            self._kept += [self._data[self._kept_to : self._position], b"null"]
        self._open.append(_CLOSING[bracket])
        if len(self._open) > self._max_depth:
            raise self._fault("exceeded max depth")
        self._position += 1
        return self._close() if self._next_byte() == self._open[-1] else _BEGINNING[bracket]

    def _close(self) -> _State:
        self._open.pop()
        self._position += 1
        if len(self._open) == KEPT_DEPTH:
            self._kept_to = self._position
        return self._after_value()

    def _skip_string(self) -> bool:
        """Move behind a string, and return whether it is closed."""
        self._skip(_UNCLOSED_STRING)
        end = self._data[self._position : self._position + 1]
        if end == b"\\":
            if self._skip(_BROKEN_HEXADECIMAL_ESCAPE):
                raise self._fault(r"in \u hexadecimal character escape")
            self._position += 1
            raise self._fault("in string escape code")
        if end not in (b'"', b""):
            raise self._fault("in string literal")
        self._position += 1
        return bool(end)

    def _skip_literal(self, word: bytes) -> None:
        for expected in word:
            if self._data[self._position] != expected:
                raise self._fault(f"in literal {word.decode()} (expecting '{chr(expected)}')")
            self._position += 1

    def _skip_number(self) -> None:
        number = self._skip(_BEGUN_NUMBER)
        last = number[-1:].lower()
        if last in (b"+", b"-") and len(number) > 1:
            last = b"e"
        if last in _UNFINISHED_NUMBERS:
            raise self._fault(_UNFINISHED_NUMBERS[last])

    def _fault(self, context: str) -> JSONError:
        """Return the error for the byte here, which Go quotes as a character of Latin-1."""
        character = chr(self._data[self._position])
        quoted = _QUOTED.get(character) or strconv.quote(character.encode())[1:-1]
        return JSONError(f"invalid character '{quoted}' {context}")
