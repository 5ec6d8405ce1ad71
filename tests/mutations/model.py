"""What a mutation is, and the small changes that mutations are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from fake_apimart.go.json import marshal_exactly

from tests.mutating_proxy import Asked, Change, Reply

Where = Callable[[Asked, Reply], bool]


class Mutation(NamedTuple):
    """A server that is wrong in one thing, and which cases are to notice."""

    name: str
    only: tuple[str, ...]
    """Parts of the names of cases, which are run in this order until one is broken."""
    change: Change
    dialect: str = "page"


def on(
    method: str = "", path: str = "", status: int = 0, *, body: bytes = b"", of: str = ""
) -> Where:
    """Choose answers by the request, whose path begins so, the status, and a part of the body.

    `of` is what their Content-Type begins with.
    """

    def is_so(asked: Asked, reply: Reply) -> bool:
        return (
            method in ("", asked.method)
            and asked.path.startswith(path)
            and status in (0, reply.status)
            and body in reply.body
            and (reply.header("content-type") or "").startswith(of)
        )

    return is_so


def group(
    name: str,
    only: tuple[str, ...],
    where: Where,
    changes: Mapping[str, Change],
    dialect: str = "page",
) -> Iterator[Mutation]:
    """Yield a mutation for each change, of the answers that `where` chooses."""
    for each, change in changes.items():
        yield Mutation(f"{name}-{each}", only, _guarded(where, change), dialect)


def _guarded(where: Where, change: Change) -> Change:
    return lambda asked, reply: where(asked, reply) and change(asked, reply)


def status(code: int, reason: str) -> Change:
    """Answer with another status, and without a body where there was none."""

    def change(_: Asked, reply: Reply) -> bool:
        if reply.is_head_only and reply.method != "HEAD":
            reply.set("content-length", "0")
        reply.status, reply.reason = code, reason
        return True

    return change


def header(name: str, value: str | Callable[[str], str]) -> Change:
    """Give a header another value, or one that there is none of yet; a function needs the old."""

    def change(_: Asked, reply: Reply) -> bool:
        old = reply.header(name)
        if callable(value) and old is None:
            return False
        new = value(old or "") if callable(value) else value
        reply.set(name, new)
        return new != old

    return change


def without_header(name: str) -> Change:
    """Leave a header out."""

    def change(_: Asked, reply: Reply) -> bool:
        has_it = reply.header(name) is not None
        reply.drop(name)
        return has_it

    return change


def more_header(name: str, value: str) -> Change:
    """Add a header, though it may be there already."""

    def change(_: Asked, reply: Reply) -> bool:
        reply.headers.append((name, value))
        return True

    return change


def body(edit: Callable[[bytes], bytes]) -> Change:
    """Change bytes of the body."""

    def change(_: Asked, reply: Reply) -> bool:
        old, reply.body = reply.body, edit(reply.body)
        return reply.body != old and not reply.is_head_only

    return change


def text(old: str, new: str) -> Change:
    """Put one text in the place of another in the body."""
    return body(lambda data: data.replace(old.encode(), new.encode()))


def whole(edit: Callable[[Any], Any]) -> Change:
    """Change the JSON value that the body is; the other bytes are as the server wrote them."""

    def change(_: Asked, reply: Reply) -> bool:
        try:
            old = json.loads(reply.body)
        except ValueError:
            return False
        new = marshal_exactly(edit(old))
        is_other = new != marshal_exactly(json.loads(reply.body))
        reply.body = new if is_other else reply.body
        return is_other

    return change


def at(place: str, new: Any) -> Change:
    """Give what stands at a place such as `data.0.status` another value, or what a function says.

    Answers without the place stay as they are.
    """

    def edit(value: Any) -> Any:
        for holder, key in _holder(value, place):
            holder[key] = new(holder[key]) if callable(new) else new
        return value

    return whole(edit)


def without(place: str) -> Change:
    """Take a member away."""

    def edit(value: Any) -> Any:
        for holder, key in _holder(value, place):
            del holder[key]
        return value

    return whole(edit)


def more(place: str, name: str, new: Any) -> Change:
    """Add a member to the object at a place, which is the whole where it is empty."""

    def edit(value: Any) -> Any:
        if not place:
            return {**value, name: new}
        for holder, key in _holder(value, place):
            holder[key] = {**holder[key], name: new}
        return value

    return whole(edit)


def _holder(value: Any, place: str) -> Iterator[tuple[Any, Any]]:
    """Yield what holds the place, and its key or index there, if there is such a place."""
    *path, last = [int(each) if each.isdecimal() else each for each in place.split(".")]
    for each in path:
        if not _has(value, each):
            return
        value = value[each]
    if _has(value, last):
        yield value, last


def _has(value: Any, key: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(key, int) and key < len(value)
    return isinstance(value, dict) and key in value


def once_per_key(place: str) -> Change:
    """Answer always what stood at a place of the first answer."""
    seen: list[Any] = []

    def keep(value: Any) -> Any:
        seen.append(value)
        return seen[0]

    return at(place, keep)
