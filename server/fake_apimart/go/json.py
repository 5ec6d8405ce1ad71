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
MOST_REPLACED = 100_000
"""How many bytes that are not UTF-8, and how many halves of characters, become U+FFFD each."""
WRITTEN_DEPTH = 100
"""What is nested deeper may be written as null: most parsers have limits, and so has Python."""

__all__ = [
    "MAX_DEPTH",
    "JSONError",
    "fault_at_start",
    "marshal",
    "marshal_exactly",
    "match_fields",
    "unmarshal",
]

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
)
# Go escapes what is unsafe in HTML and JavaScript, and writes an escaped U+FFFD for each byte that
# is not UTF-8; such bytes are lone surrogates here (`surrogateescape`).
_ESCAPED = re.compile("[<>&\u2028\u2029\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def marshal(value: Any) -> bytes:
    """Encode as `json.Marshal` does: compact, keys in insertion order, HTML characters escaped.

    It never fails, so that no value spoils the answer that it is a part of: null stands for what
    JSON has no form for, such as infinite numbers, and for what is nested too deep to be encoded.
    """
    try:
        return marshal_exactly(value)
    except (ValueError, TypeError, RecursionError):
        return marshal_exactly(_writable(value, WRITTEN_DEPTH))


def marshal_exactly(value: Any) -> bytes:
    """Do as `marshal`, but raise ValueError where null would have to stand for something else.

    Raises TypeError for what JSON has no type for, RecursionError for what is nested too deep.
    """
    return _ESCAPED.sub(_escape, _ENCODER.encode(value)).encode()


def _writable(value: Any, depth: int) -> Any:
    """Return `value` with null for what cannot be written, and for what is deeper than `depth`."""
    if isinstance(value, dict | list | tuple):
        if depth == 0:
            return None
        if isinstance(value, dict):
            return {_name(name): _writable(each, depth - 1) for name, each in value.items()}
        return [_writable(each, depth - 1) for each in value]
    try:
        _ENCODER.encode(value)
    except (ValueError, TypeError):
        return None
    return value


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"


def _name(value: Any) -> str:
    return value if isinstance(value, str) else repr(_writable(value, 0))


def unmarshal(data: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Return the value that `data` holds, as `json.Unmarshal` reads it. Raises JSONError.

    Bytes that are not UTF-8, and unpaired surrogates, become U+FFFD. Numbers are floats, infinite
    ones where they are too large, but for integers of at most MAX_INTEGER_DIGITS. What is nested
    deeper than KEPT_DEPTH may be None.
    """
    try:
        value = _decode(data)
    except (ValueError, RecursionError):
        return _decode(Scanner(data, max_depth).scan())
    # Python's parser has a limit of its own, which may be a higher one.
    if data.count(b"[") + data.count(b"{") > max_depth and _is_deeper(value, max_depth):
        Scanner(data, max_depth).scan()
    return value


def _is_deeper(value: Any, depth: int) -> bool:
    """Return whether arrays and objects stand in one another more than `depth` times."""
    level = [value]
    for _ in range(depth):
        level = [inner for each in level for inner in _values_in(each) if _holds_values(inner)]
        if not level:
            return False
    return _holds_values(value)


def _values_in(value: Any) -> Iterable[Any]:
    """Return the values that stand in `value` itself."""
    if isinstance(value, _RepeatedFields):
        return [each for _, each in value.pairs]
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _holds_values(value: Any) -> bool:
    return isinstance(value, dict | list)


def fault_at_start(start: bytes) -> str | None:
    """Return the text of the fault that the beginning of a text has, or None if it has none."""
    scanner = Scanner(start, MAX_DEPTH)
    try:
        scanner.scan()
    except JSONError as error:
        return None if scanner.is_at_end else str(error)
    return None


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
    by_folded_name = {fold(name): name for name in names}
    # Folding makes no name shorter, and takes its time with a long one.
    longest = max(map(len, by_folded_name), default=0)
    fields: dict[str, Any] = {}
    others: dict[str, None] = {}
    for name, value in _pairs_of(given):
        field = by_folded_name.get(fold(name)) if len(name) <= longest else None
        if field is None:
            others[name] = None
        else:
            _put(fields, field, value)
    return {name: value for name, value in fields.items() if value is not None}, list(others)


def folded_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all fields of an object by their names in folded case, as `match_fields` has them."""
    fields: dict[str, Any] = {}
    for name, value in _pairs_of(given):
        _put(fields, fold(name), value)
    return fields


def _pairs_of(given: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return given.pairs if isinstance(given, _RepeatedFields) else given.items()


def _put(fields: dict[str, Any], field: str, value: Any) -> None:
    if value is not None or isinstance(fields.get(field), list | dict):
        fields[field] = value


def fold(name: str) -> str:
    """Return `name` in Go's folded case, where U+017F is an s and U+212A a k."""
    return name.replace("\u017f", "s").lower()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _RepeatedFields(pairs)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else float(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _whole(value: Any) -> Any:
    """Return a value with U+FFFD for each half of a character; objects have none already."""
    if isinstance(value, str):
        return value if value.isascii() else _without_surrogates(value)
    return [_whole(each) for each in value] if isinstance(value, list) else value


def _whole_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return _object([(_whole(name), _whole(value)) for name, value in pairs])


def _without_surrogates(text: str) -> str:
    """Return `text` with U+FFFD for each surrogate; behind the first MOST_REPLACED with a `?`.

    That is many times faster, and nobody shows so much of a text.
    """
    text = _SURROGATE.sub("\ufffd", text, MOST_REPLACED)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


_DECODER, _DECODER_OF_HALVES = (
    json.JSONDecoder(
        parse_int=_number, parse_constant=_refuse_constant, object_pairs_hook=object_of
    )
    for object_of in (_object, _whole_object)
)


def _decode(data: bytes) -> Any:
    """Decode, with U+FFFD for each byte that is not UTF-8 and each escape of half a character.

    Raises ValueError, RecursionError.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = _without_surrogates(data.decode("utf-8", "surrogateescape"))
    if "\\ud" in text or "\\uD" in text:
        return _whole(_DECODER_OF_HALVES.decode(text))
    return _DECODER.decode(text)
