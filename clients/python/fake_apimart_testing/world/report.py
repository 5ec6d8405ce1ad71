"""What is told of worlds: the requests of a test that failed, and in a line what a world holds.

Whatever is shown was sent by somebody: it is cut, and on one line.
"""

from __future__ import annotations

import time

from fake_apimart_testing.control import ControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fake_apimart_testing.client import FakeAPIMart
    from fake_apimart_testing.control import Control
    from fake_apimart_testing.records import Request

MAX_REQUESTS = 30
"""How many requests of a world are shown, the latest."""
MAX_WORLDS = 10
MAX_RULES = 10
"""How many worlds and rules are shown."""
WIDTH = 200
"""The longest line, in characters."""
SLOW_SECONDS = 0.1
"""From how long on it is said how long an answer took."""
FIRST_ERROR = 400
"""From which status on an answer is marked."""
_INDENT = " " * 4
_KEY_CHARACTERS = 12
_CUT = "…"


def title_of(world: FakeAPIMart) -> str:
    """Return what a world is called: its label, or the beginning of its key, at most half."""
    if world.label:
        return _line(repr(world.label))
    shown = world.api_key[: min(_KEY_CHARACTERS, len(world.api_key) // 2)]
    return f"key {_line(shown)}{_CUT}"


def described(worlds: Sequence[FakeAPIMart]) -> str:
    """Return what has happened in worlds, each in a block of lines.

    It is unknown where the server does not answer.
    """
    blocks = [_block(each) for each in worlds[:MAX_WORLDS]]
    if len(worlds) > MAX_WORLDS:
        blocks.append(f"{_CUT} and {len(worlds) - MAX_WORLDS} worlds more")
    return "\n".join(blocks)


def _block(world: FakeAPIMart) -> str:
    try:
        sent = world.requests.matching()
        missed = [rule for rule in world.rules if rule.is_missed]
    except ControlError as error:
        return _line(f"{title_of(world)}: unknown: {error}")
    lines = [_line(f"{title_of(world)}: {_counted(len(sent), 'request')}")]
    if len(sent) > MAX_REQUESTS:
        lines.append(f"{_INDENT}{_CUT} {len(sent) - MAX_REQUESTS} earlier ones")
    day = ""
    for each in sent[-MAX_REQUESTS:]:
        before, day = day, _shown_time("%Y-%m-%d", each)
        if day != before:
            lines.append(f"{_INDENT}{day} UTC, by the clock of the world")
        lines += map(_line, _lines_of(each))
    lines += [_line(f"never met: {rule!r}") for rule in missed[:MAX_RULES]]
    if len(missed) > MAX_RULES:
        lines.append(f"{_CUT} and {len(missed) - MAX_RULES} rules more")
    return "\n".join(lines)


def _lines_of(request: Request) -> Iterator[str]:
    """Yield what a request was, marked where it was refused, and what it held."""
    is_refused = request.status is None or request.status >= FIRST_ERROR
    stamp = f"{_shown_time('%H:%M:%S', request)}.{_milliseconds(request) % 1000:03d}"
    text = f"{'!' if is_refused else ' '}   {stamp} {request.described()}"
    if request.duration >= SLOW_SECONDS:
        text += f" after {request.duration:.3f} s"
    yield text
    inner = _INDENT * 4
    if request.filename is not None:
        kind = request.content_type or "of an unknown type"
        yield f"{inner}file {request.filename!r}, {kind}, {request.size or 0} bytes"
    if request.json is not None:
        yield f"{inner}json {_as_json(request.json)}"
    if request.unread_fields:
        yield f"{inner}nothing reads {', '.join(request.unread_fields)}"


def _as_json(value: object) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _milliseconds(request: Request) -> int:
    """Return when a request came, in Unix milliseconds: a float has no more."""
    return round(request.time * 1000)


def _shown_time(form: str, request: Request) -> str:
    return time.strftime(form, time.gmtime(_milliseconds(request) // 1000))


def _line(text: str) -> str:
    """Return a text as one line of at most WIDTH characters, with escapes for what does not print.

    It is cut before it is escaped as well: it may be long.
    """
    text = text[: WIDTH + 1]
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    return shown if len(shown) <= WIDTH else shown[: WIDTH - len(_CUT)] + _CUT


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def counts(control: Control) -> str:
    """Return how much a world holds, and close the connection.

    Raises ControlError; LookupError and TypeError where another program answers.
    """
    try:
        found = {
            "request": control.call("GET", "world")["journal"]["entries"],
            "upload": len(control.call("GET", "uploads")["uploads"]),
            "task": len(control.call("GET", "tasks")["tasks"]),
            "rule": len(control.call("GET", "faults")["faults"]),
        }
    finally:
        control.close()
    return ", ".join(_counted(number, noun) for noun, number in found.items())
