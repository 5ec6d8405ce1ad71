"""Holds an answer against what is expected of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fake_apimart.cases.case import Expectation
from fake_apimart.cases.contents import bytes_of
from fake_apimart.cases.matching import Difference, differences, shown
from fake_apimart.cases.placeholders import Names, filled, match_text
from fake_apimart.cases.relations import holds
from fake_apimart.client.answer import Answer

_SHOWN_BYTES = 300
_FRAMING = "transfer-encoding"
"""Says where a body ends, as Content-Length does: servers are free to choose."""


def judge(expected: Expectation, answer: Answer | None, names: Names) -> list[Difference]:
    """Return what of an answer is not as expected; None is a connection that ended without one."""
    if answer is None or expected.silent:
        if answer is None and expected.silent:
            return []
        wanted = "the connection closed without a word" if expected.silent else "an answer"
        got = "the connection closed without a word" if answer is None else f"a {answer.status}"
        return [Difference("answer", wanted, got)]
    if expected.cut:
        return [Difference("answer", "the connection closed within the answer", "a whole answer")]
    found = list(_found(expected, answer, names))
    # Relations of values that are not as expected say nothing more.
    return found or list(_relations(expected, names))


def judge_names(
    expectations: Iterable[Expectation], only: Expectation, answer: Answer | None
) -> list[Difference]:
    """Return the headers that neither `only` nor any expectation of the step names."""
    known = {name.lower() for each in expectations for name in each.headers}
    known.update(only.only_headers or (), [_FRAMING])
    unknown = [each for each in (answer.headers if answer else ()) if each[0] not in known]
    return [Difference(f"header {name}", "nothing", shown(value)) for name, value in unknown]


def _found(expected: Expectation, answer: Answer, names: Names) -> Iterator[Difference]:
    if expected.version is not None and answer.version != expected.version:
        yield Difference("version", expected.version, answer.version)
    if expected.status is not None and answer.status != expected.status:
        yield Difference("status", str(expected.status), f"{answer.status} {_shown(answer.body)}")
    if expected.reason is not None and not match_text(expected.reason, answer.reason, names):
        yield Difference("reason", filled(expected.reason, names), answer.reason)
    yield from _headers(expected, answer, names)
    if expected.states("json_"):
        yield from _json(expected, answer, names)
    if expected.text is not None:
        text = answer.body.decode("utf-8", "surrogateescape")
        if not match_text(expected.text, text, names):
            yield Difference("body", shown(filled(expected.text, names)), _shown(answer.body))
    if expected.body is not None:
        yield from _body(expected, answer, names)
    if expected.connection is not None and answer.is_open is not (expected.connection == "open"):
        yield Difference("connection", expected.connection, "open" if answer.is_open else "closed")


def _headers(expected: Expectation, answer: Answer, names: Names) -> Iterator[Difference]:
    for name, pattern in expected.headers.items():
        value = answer.header(name.lower())
        if pattern is None:
            if value is not None:
                yield Difference(f"header {name}", "nothing", shown(value))
        elif value is None or not match_text(pattern, value, names):
            received = "nothing" if value is None else shown(value)
            yield Difference(f"header {name}", shown(filled(pattern, names)), received)


def _json(expected: Expectation, answer: Answer, names: Names) -> Iterator[Difference]:
    try:
        value = answer.json()
    except ValueError as error:
        yield Difference("body", f"JSON ({error})", _shown(answer.body))
        return
    yield from differences(expected.json_, value, names, "body")


def _body(expected: Expectation, answer: Answer, names: Names) -> Iterator[Difference]:
    assert expected.body is not None
    wanted = bytes_of(expected.body, names)
    if expected.slice is not None:
        first, last = expected.slice
        wanted = wanted[first : last + 1]
    if answer.body != wanted:
        yield Difference("body", _shown(wanted), _shown(answer.body))


def _relations(expected: Expectation, names: Names) -> Iterator[Difference]:
    for each in expected.relations:
        try:
            is_so = holds(each, names)
        except (ValueError, TypeError, ArithmeticError) as error:
            yield Difference(each, "a relation that holds", str(error))
            continue
        if not is_so:
            known = {name: value for name, value in names.items() if name in each}
            yield Difference(each, "a relation that holds", shown(known))


def _shown(body: bytes) -> str:
    text = body[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return shown(text) + (f" and more, {len(body)} bytes" if len(body) > _SHOWN_BYTES else "")
