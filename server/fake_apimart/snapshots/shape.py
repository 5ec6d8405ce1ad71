"""The shape of an answer: what stays the same from one time to the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fake_apimart.cases.matching import Difference
from fake_apimart.client.answer import Answer

_COMPARED_HEADERS = ("content-type", "location", "accept-ranges")
_OF_THE_API = ("retry-after", "x-oneapi-", "x-apimart-", "idempotency-", "access-control-")
"""What begins so is the API's own, and not of a network in between."""


def moved(then: Answer | None, now: Answer | None) -> Iterator[Difference]:
    """Yield how the shape of an answer has changed: status, names of headers, members, types."""
    if then is None or now is None:
        if then is not now:
            yield Difference("answer", _said(then), _said(now))
        return
    if then.status != now.status:
        yield Difference("status", str(then.status), str(now.status))
        return
    before, after = _headers(then), _headers(now)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield Difference(f"header {name}", *(str(each.get(name)) for each in (before, after)))
    yield from _changes(_json(then), _json(now), "body")


def _said(answer: Answer | None) -> str:
    return "no answer" if answer is None else f"a {answer.status}"


def _headers(answer: Answer) -> dict[str, str]:
    """Return the headers that are compared; of the API's own ones, only whether they are there."""
    shown = {name: value for name, value in answer.headers if name in _COMPARED_HEADERS}
    own = {name: "there" for name, _ in answer.headers if name.startswith(_OF_THE_API)}
    if answer.header("connection") == "close":
        # To say that it stays open is up to networks in between.
        shown["connection"] = "close"
    return shown | own


def _json(answer: Answer) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _changes(then: Any, now: Any, place: str) -> Iterator[Difference]:
    if isinstance(then, dict) and isinstance(now, dict):
        for name in sorted(then.keys() | now.keys()):
            if name in then and name in now:
                yield from _changes(then[name], now[name], f"{place}.{name}")
            else:
                yield Difference(f"{place}.{name}", *(_is_there(name, x) for x in (then, now)))
    elif isinstance(then, list) and isinstance(now, list):
        for number, (first, second) in enumerate(zip(then, now, strict=False)):
            yield from _changes(first, second, f"{place}[{number}]")
    elif _kind(then) != _kind(now):
        yield Difference(place, _kind(then), _kind(now))


def _is_there(name: str, members: dict[str, Any]) -> str:
    return _kind(members[name]) if name in members else "nothing"


def _kind(value: Any) -> str:
    # 0 and 0.5 are one kind: JSON does not tell an amount from a count.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return type(value).__name__
