"""Relations between values that have names: comparisons of sums and products."""

from __future__ import annotations

import ast
import operator
import re
from calendar import timegm
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from fake_apimart.cases.placeholders import match_text

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}
_UTC8_SECONDS = 8 * 3600
_STAMP = re.compile(r"([0-9]{4})" + r"([0-9]{2})" * 5)
_TASK_ID = re.compile(r"task_([0-9A-HJKMNP-TV-Z]{10})[0-9A-HJKMNP-TV-Z]{16}")
_ULID_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DECIMALS = 9
"""Amounts of money are compared to so many decimals."""


def holds(relation: str, names: Mapping[str, Any]) -> bool:
    """Return whether a relation such as `created + 86400 == expires` holds.

    Texts of digits count as numbers, and dates of headers as Unix seconds; so does `stamp(x)`, the
    time in a request id, which is in UTC+8. `ulid_ms(x)` is the time in a task's id, in Unix
    milliseconds. Raises ValueError for what is no relation, or for a name without a value.
    """
    try:
        tree = ast.parse(relation, mode="eval").body
    except SyntaxError:
        tree = None
    if not isinstance(tree, ast.Compare):
        raise ValueError(f"{relation!r} is no comparison")
    left = _value(tree.left, names)
    for comparison, right_tree in zip(tree.ops, tree.comparators, strict=True):
        right = _value(right_tree, names)
        if type(comparison) not in _COMPARISONS:
            raise ValueError(f"{relation!r} compares otherwise than by ==, !=, < and <=")
        if not _COMPARISONS[type(comparison)](left, right):
            return False
        left = right
    return True


def _seconds_of_stamp(text: str) -> int:
    found = _STAMP.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time of a request id")
    return timegm(tuple(map(int, found.groups()))) - _UTC8_SECONDS


def _milliseconds_of_task(text: str) -> int:
    """Return what the first 48 bits of a ULID say, which are ten digits to the base of 32."""
    found = _TASK_ID.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no id of a task")
    value = 0
    for digit in found[1]:
        value = value * len(_ULID_DIGITS) + _ULID_DIGITS.index(digit)
    return value


_FUNCTIONS = {"stamp": _seconds_of_stamp, "ulid_ms": _milliseconds_of_task}


def _comparable(value: Any) -> Any:
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if isinstance(value, str) and match_text("<date>", value, {}):
        return int(parsedate_to_datetime(value).timestamp())
    return value


def _value(tree: ast.expr, names: Mapping[str, Any]) -> Any:
    match tree:
        case ast.Constant(value=int() | float() | str() as value):
            return value
        case ast.Name(id=name):
            if name not in names:
                raise ValueError(f"{name} has no value")
            return _comparable(names[name])
        case ast.Call(func=ast.Name(id=function), args=[ast.Name(id=name)]) if (
            function in _FUNCTIONS
        ):
            return _FUNCTIONS[function](str(names.get(name, "")))
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _ARITHMETIC:
            result = _ARITHMETIC[type(operation)](_value(left, names), _value(right, names))
            return round(result, _DECIMALS) if isinstance(result, float) else result
    raise ValueError(f"{ast.unparse(tree)!r} is neither a name, nor a number, nor a sum of such")
