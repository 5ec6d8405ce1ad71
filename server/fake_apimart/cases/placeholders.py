"""Placeholders in what is expected: `<kind>`, or `<kind name>`, which also gives the value a name.

Where a name has a value already, the text there must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

Names = dict[str, Any]
"""The values that have names."""

REQUEST_ID = r"20[0-9]{12}(?:0|[1-9][0-9]{0,8})[0-9A-Za-z]{8}"
_UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

_TEXTS = {
    "any": r".*",
    "text": r".+",
    "word": r"[^\s/]+",
    "digits": r"[0-9]+",
    "decimal": r"[0-9]+\.[0-9]{6}",
    "request_id": REQUEST_ID,
    "stamp": r"20[0-9]{12}",
    "nanoseconds": r"(?:0|[1-9][0-9]{0,8})",
    "random8": r"[0-9A-Za-z]{8}",
    "task_id": r"task_[0-9A-HJKMNP-TV-Z]{26}",
    "digits13": r"[0-9]{13}",
    "digits16": r"[0-9]{16}",
    "hex8": r"[0-9a-f]{8}",
    "uuid4": _UUID4,
    # What stands before the name in the URL of a file, in either dialect.
    "file_id": rf"[0-9]{{13}}-[0-9a-f]{{8}}|[0-9]{{16}}-{_UUID4}",
    "origin": r"https?://[^\s/]+",
    "url": r"https?://[^\s/]+/\S*",
    "date": r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT",
    "etag": r"\"[^\"]+\"",
    "boundary": r"[0-9A-Za-z'()+_,./:=?-]+",
}
"""Kinds of texts, also within a longer one."""


def _is_date(text: str) -> bool:
    try:
        return format_datetime(parsedate_to_datetime(text), usegmt=True) == text
    except ValueError:
        return False


_CHECKS: Mapping[str, Callable[[str], bool]] = {"date": _is_date}
"""What no expression can say of a kind: the day of a date's week."""

_VALUES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "string": (str,),
    "list": (list,),
    "object": (dict,),
    "value": (int, float, bool, str, list, dict, type(None)),
}
"""Kinds of JSON values, which stand alone. A bool is no integer."""

_PLACEHOLDER = re.compile(r"<([a-z][a-z0-9_]*)(?: ([a-z][a-z0-9_]*))?>")
_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def filled(text: str, names: Mapping[str, Any]) -> str:
    """Return the text with the values of its `{name}`; unknown ones stay as they are."""
    return _NAME.sub(lambda found: str(names.get(found[1], found[0])), text)


def match_value(pattern: str, value: object, names: Names) -> bool:
    """Return whether a JSON value is what a text in a pattern stands for."""
    found = _PLACEHOLDER.fullmatch(pattern)
    if found is not None and found[1] in _VALUES:
        return type(value) in _VALUES[found[1]] and _bind(found[2], value, names)
    return isinstance(value, str) and match_text(pattern, value, names)


def match_text(pattern: str, text: str, names: Names) -> bool:
    """Return whether a text is what a pattern stands for; the names in it get their values."""
    expression, wanted = _expression(pattern, names)
    found = re.fullmatch(expression, text, re.DOTALL)
    if found is None:
        return False
    return all(
        _is_kind(kind, value) and _bind(name, value, names)
        for (kind, name), value in zip(wanted, found.groups(), strict=True)
    )


def kinds_in(text: str) -> list[str]:
    """Return what stands as a placeholder in a text, known or not, for those who check files."""
    return [found[1] for found in _PLACEHOLDER.finditer(text)]


def is_kind(name: str) -> bool:
    """Return whether there are placeholders of this kind."""
    return name in _TEXTS or name in _VALUES


def _expression(pattern: str, names: Names) -> tuple[str, list[tuple[str, str | None]]]:
    """Return a regular expression, and the kind and the name of each of its groups."""
    pieces, wanted, end = [], [], 0
    for found in _PLACEHOLDER.finditer(pattern):
        if found[1] in _TEXTS:
            pieces += [_literal(pattern[end : found.start()], names), f"({_TEXTS[found[1]]})"]
            wanted.append((found[1], found[2]))
            end = found.end()
    return "".join(pieces) + _literal(pattern[end:], names), wanted


def _literal(text: str, names: Names) -> str:
    # What a name stands for came from a server, and is no pattern whatever it looks like.
    return re.escape(filled(text, names))


def _is_kind(kind: str, text: str) -> bool:
    return kind not in _CHECKS or _CHECKS[kind](text)


def _bind(name: str | None, value: object, names: Names) -> bool:
    if name is None:
        return True
    known = names.setdefault(name, value)
    # 1 is neither 1.0 nor true.
    return type(known) is type(value) and known == value
