"""Holds a JSON value against what is expected of it.

In what is expected,

- a text may have placeholders, and names (`cases.placeholders`);
- an object has these members and no others, in any order, unless it has the member `<more>`;
- `{"<each>": X}` is a list of one or more values, each of which is X on its own;
- `{"<some>": X}` is a list that has an X among its elements;
- `{"<one of>": [X, Y]}` is any one of them;
- a number is the same number of the same type: 1 is neither 1.0 nor true.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from fake_apimart.cases.placeholders import Names, match_value

MORE = "<more>"
EACH = "<each>"
SOME = "<some>"
ONE_OF = "<one of>"


class Difference(NamedTuple):
    """What is not as expected: where, and both values as texts."""

    place: str
    expected: str
    received: str


def differences(expected: Any, received: Any, names: Names, place: str) -> Iterator[Difference]:
    """Yield what is not as expected; `place` says where both values are from."""
    if isinstance(expected, str):
        if not match_value(expected, received, names):
            yield _difference(expected, received, place)
    elif isinstance(expected, dict) and expected.keys() == {EACH}:
        yield from _each(expected[EACH], received, names, place)
    elif isinstance(expected, dict) and expected.keys() == {SOME}:
        yield from _some(expected[SOME], received, names, place)
    elif isinstance(expected, dict) and expected.keys() == {ONE_OF}:
        yield from _one_of(expected[ONE_OF], received, names, place)
    elif isinstance(expected, dict) and isinstance(received, dict):
        yield from _members(expected, received, names, place)
    elif isinstance(expected, list) and isinstance(received, list):
        yield from _elements(expected, received, names, place)
    elif type(expected) is not type(received) or expected != received:
        yield _difference(expected, received, place)


def shown(value: Any) -> str:
    """Return a value as JSON on one line; bytes that are no text are escaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _difference(expected: Any, received: Any, place: str) -> Difference:
    return Difference(place, shown(expected), shown(received))


def _members(
    expected: dict[str, Any], received: dict[str, Any], names: Names, place: str
) -> Iterator[Difference]:
    for name, value in expected.items():
        if name in received:
            yield from differences(value, received[name], names, f"{place}.{name}")
        elif name != MORE:
            yield Difference(f"{place}.{name}", shown(value), "nothing")
    if MORE not in expected:
        for name in received.keys() - expected.keys():
            yield Difference(f"{place}.{name}", "nothing", shown(received[name]))


def _elements(
    expected: list[Any], received: list[Any], names: Names, place: str
) -> Iterator[Difference]:
    if len(expected) != len(received):
        yield Difference(place, f"{len(expected)} elements", shown(received))
        return
    for number, (pattern, value) in enumerate(zip(expected, received, strict=True)):
        yield from differences(pattern, value, names, f"{place}[{number}]")


def _each(pattern: Any, received: Any, names: Names, place: str) -> Iterator[Difference]:
    if not isinstance(received, list) or not received:
        yield Difference(place, f"a list of {shown(pattern)}", shown(received))
        return
    for number, value in enumerate(received):
        # A name belongs to its element: the next one gives it anew.
        yield from differences(pattern, value, dict(names), f"{place}[{number}]")


def _some(pattern: Any, received: Any, names: Names, place: str) -> Iterator[Difference]:
    elements = received if isinstance(received, list) else []
    if not any(_takes(pattern, element, names, place) for element in elements):
        yield Difference(place, f"a list that has {shown(pattern)}", shown(received))


def _one_of(patterns: list[Any], received: Any, names: Names, place: str) -> Iterator[Difference]:
    if not any(_takes(pattern, received, names, place) for pattern in patterns):
        yield Difference(place, f"one of {shown(patterns)}", shown(received))


def _takes(pattern: Any, received: Any, names: Names, place: str) -> bool:
    """Return whether a value is as expected; only then its parts get their names."""
    tried = dict(names)
    if any(differences(pattern, received, tried, place)):
        return False
    names.update(tried)
    return True
