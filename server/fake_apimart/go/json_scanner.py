"""The scanner of `encoding/json`: whether a text is JSON, and what its first fault is."""

from __future__ import annotations

import functools
import re
from enum import Enum

from fake_apimart.go import strconv

KEPT_DEPTH = 100
"""What is nested deeper than that may be left out: no field that is read is so deep."""


class JSONError(ValueError):
    """The text is no JSON; the message is Go's."""


class State(Enum):
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
_NUMBER_PATTERN = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
# A text that is part of what is read at once. Where that fails the text is read again, and for each
# level around it once more, so that a long one must not count as simple.
_SHORT_STRING_PATTERN = (
    rb'"[^"\\\x00-\x1f]{0,256}+'
    rb'(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]{0,256}+){0,64}+"'
)
_SCALAR_PATTERN = rb"(?>%b|%b|true|false|null)" % (_SHORT_STRING_PATTERN, _NUMBER_PATTERN)


def _spaced(*patterns: bytes) -> bytes:
    """Return the pattern of what matches `patterns`, with blanks behind each."""
    return b"".join(pattern + _SPACE_PATTERN for pattern in patterns)


def _holding(value: bytes) -> bytes:
    """Return the pattern of a value that matches `value`, or of one that holds only such values."""
    element, pair = _spaced(value), _spaced(_SHORT_STRING_PATTERN, b":", value)
    array = _spaced(rb"\[") + rb"(?:%b(?:%b%b)*+)?+\]" % (element, _spaced(b","), element)
    fields = _spaced(rb"\{") + rb"(?:%b(?:%b%b)*+)?+\}" % (pair, _spaced(b","), pair)
    return rb"(?>%b|%b|%b)" % (value, array, fields)


_SPACE = re.compile(_SPACE_PATTERN)
_UNCLOSED_STRING = re.compile(_UNCLOSED_STRING_PATTERN)
_BROKEN_HEXADECIMAL_ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{0,3}")
_BEGUN_NUMBER = re.compile(
    rb"-?(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?+(?:(?<!\.)[eE][+-]?[0-9]*+)?+)?+"
)
# Long arrays and objects of simple values are read at once, for speed.
SIMPLE_DEPTH = 2
_SIMPLE_PATTERN = _holding(_holding(_SCALAR_PATTERN))
_ELEMENTS = b"(?:%b)++" % _spaced(_SIMPLE_PATTERN, b",")
_PAIRS = b"(?:%b)++" % _spaced(_SHORT_STRING_PATTERN, b":", _SIMPLE_PATTERN, b",")
# Compiled when first needed, which would slow each start by 10 milliseconds.
_compiled = functools.cache(re.compile)

_LITERALS = {word[:1]: word for word in (b"true", b"false", b"null")}
_QUOTED = {'"': '"', "'": r"\'"}
_CLOSING = {b"[": b"]", b"{": b"}"}
_BEGINNING = {b"[": State.VALUE, b"{": State.KEY}
_AFTER = {b"]": State.AFTER_ELEMENT, b"}": State.AFTER_PAIR}
_NEXT = {
    (State.COLON, b":"): State.VALUE,
    (State.AFTER_ELEMENT, b","): State.VALUE,
    (State.AFTER_PAIR, b","): State.KEY,
}
_UNFINISHED_NUMBERS = {
    b"-": "in numeric literal",
    b".": "after decimal point in numeric literal",
    b"e": "in exponent of numeric literal",
}


class Scanner:
    """Reads a text from its start, without recursion, and stops where Go's scanner does."""

    def __init__(self, data: bytes, max_depth: int) -> None:
        # At the end Go reads a space: it ends a number, and is a fault in what needs another byte.
        self._data = data + b" "
        self._max_depth = max_depth
        self._position = 0
        self._open: list[bytes] = []
        self._kept: list[bytes] = []
        self._kept_to = 0

    @property
    def is_at_end(self) -> bool:
        """Whether all of the text was read; a fault there may be one of its length alone."""
        return self._position >= len(self._data) - 1

    def scan(self) -> bytes:
        """Return the text with null for what is nested too deep to be kept. Raises JSONError."""
        state = State.VALUE
        while (byte := self._next_byte()) is not None:
            state = self._step(state, byte)
        if state is not State.END:
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

    def _skip_simple(self, pattern: bytes) -> bool:
        """Move behind simple values; return whether there were any."""
        is_allowed = len(self._open) + SIMPLE_DEPTH <= self._max_depth
        return is_allowed and bool(self._skip(_compiled(pattern)))

    def _step(self, state: State, byte: bytes) -> State:
        """Read what begins with `byte`, and return what comes next."""
        if state is State.VALUE:
            return self._value(byte)
        if state is State.KEY and byte == b'"':
            if self._skip_simple(_PAIRS):
                return state
            return State.COLON if self._skip_string() else state
        if self._open and byte == self._open[-1] and state is _AFTER[byte]:
            return self._close()
        if (state, byte) not in _NEXT:
            raise self._fault(state.value)
        self._position += 1
        return _NEXT[state, byte]

    def _value(self, byte: bytes) -> State:
        if self._open[-1:] == [b"]"] and self._skip_simple(_ELEMENTS):
            return State.VALUE
        if byte in _CLOSING:
            return self._begin(byte)
        if byte == b'"':
            return self._after_value() if self._skip_string() else State.VALUE
        if byte in _LITERALS:
            self._skip_literal(_LITERALS[byte])
        elif byte in b"-0123456789":
            self._skip_number()
        else:
            raise self._fault(State.VALUE.value)
        return self._after_value()

    def _after_value(self) -> State:
        return _AFTER[self._open[-1]] if self._open else State.END

    def _begin(self, bracket: bytes) -> State:
        if len(self._open) == KEPT_DEPTH:
            self._kept += [self._data[self._kept_to : self._position], b"null"]
        self._open.append(_CLOSING[bracket])
        if len(self._open) > self._max_depth:
            raise self._fault("exceeded max depth")
        self._position += 1
        return self._close() if self._next_byte() == self._open[-1] else _BEGINNING[bracket]

    def _close(self) -> State:
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
