"""Text and JSON values as literals, in which nothing that is hostile can end its string.

All that does not print is escaped: control characters, halves of characters, and those that would
turn the direction of the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WIDTH = 60
"""An object or an array that is longer is written over several lines."""
MAX_DEPTH = 20
"""What is nested deeper is written in one line, so that its indentation does not grow with it."""

_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LARGEST_UNIT = 0xFFFF


@dataclass(frozen=True, slots=True)
class Notation:
    """How a language writes JSON values. `comma` is what follows the last of several lines."""

    text: Callable[[str], str]
    name: Callable[[str], str]
    constants: tuple[str, str, str]
    """For true, false and null."""
    indent: str
    comma: str = ","
    padding: str = ""
    """What stands within the braces of an object in one line."""


def _escaped(text: str, escape: Callable[[int], str]) -> str:
    return "".join(
        _SHORT.get(each) or (each if each.isprintable() else escape(ord(each))) for each in text
    )


def _python_escape(code: int) -> str:
    forms = ((0xFF, f"\\x{code:02x}"), (_LARGEST_UNIT, f"\\u{code:04x}"))
    return next((form for limit, form in forms if code <= limit), f"\\U{code:08x}")


def _json_escape(code: int) -> str:
    if code <= _LARGEST_UNIT:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def python_text(text: str) -> str:
    """Return a string of Python."""
    return f'"{_escaped(text, _python_escape)}"'


def json_text(text: str) -> str:
    """Return a string of JSON."""
    return f'"{_escaped(text, _json_escape)}"'


def javascript_text(text: str) -> str:
    """Return a string of JavaScript, also for a script within HTML."""
    return json_text(text).replace("</", "<\\/").replace("<!--", "<\\!--")


def _javascript_name(name: str) -> str:
    # The plain form of this one name would set the prototype.
    if name == "__proto__":
        return '["__proto__"]'
    is_plain = name.isascii() and name.isidentifier()
    return name if is_plain else javascript_text(name)


PYTHON = Notation(python_text, python_text, ("True", "False", "None"), "    ")
JAVASCRIPT = Notation(
    javascript_text, _javascript_name, ("true", "false", "null"), "  ", padding=" "
)
JSON = Notation(json_text, json_text, ("true", "false", "null"), "  ", comma="")


def written(value: Any, notation: Notation, depth: int = 0) -> str:
    """Return a JSON value as a literal, in one line if it is short.

    Further lines stand `depth` steps to the right.
    """
    line = in_one_line(value, notation)
    if not isinstance(value, dict | list) or len(line) <= WIDTH or depth >= MAX_DEPTH:
        return line
    start, end = "{}" if isinstance(value, dict) else "[]"
    parts = _parts(value, notation, lambda each: written(each, notation, depth + 1))
    inner = notation.indent * (depth + 1)
    lines = f",\n{inner}".join(parts)
    return f"{start}\n{inner}{lines}{notation.comma}\n{notation.indent * depth}{end}"


def in_one_line(value: Any, notation: Notation) -> str:
    """Return a JSON value as a literal in one line."""
    if isinstance(value, str):
        return notation.text(value)
    if isinstance(value, dict | list):
        start, end = "{}" if isinstance(value, dict) else "[]"
        pad = notation.padding if value and isinstance(value, dict) else ""
        parts = _parts(value, notation, lambda each: in_one_line(each, notation))
        return f"{start}{pad}{', '.join(parts)}{pad}{end}"
    if value is None or isinstance(value, bool):
        true, false, null = notation.constants
        return null if value is None else true if value else false
    return repr(value)


def _parts(
    value: dict[str, Any] | list[Any], notation: Notation, write: Callable[[Any], str]
) -> list[str]:
    if isinstance(value, list):
        return [write(each) for each in value]
    return [f"{notation.name(name)}: {write(each)}" for name, each in value.items()]
