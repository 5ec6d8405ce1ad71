"""Conditions: which requests a rule is about, by their headers, their file and their JSON.

`{"filename": {"glob": "*.png"}, "size": {"at_least": 100}}` is one for files of both kinds at once.
SUBJECTS has what can be asked of, OPERATORS what can be asked. A plain value stands for `equal`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.common.redaction import redacted_text
from fake_apimart.contract.operations import BY_NAME, FILE
from fake_apimart.go.json import fold, folded_fields

Where = Mapping[str, Any]
"""Conditions as `checked` returns them: operators by subjects, or by names in a subject."""

MAX_CONDITIONS = 20
"""How many conditions a rule has."""
MAX_WANTED = 1000
"""Characters of a text, a name or a path that is asked for."""
MAX_GLOB = 200
"""Characters of a pattern."""
MAX_TEXT = 100_000
"""How much of a request's text is looked at: a pattern takes its time for each character."""
_SHOWN_CHARACTERS = 100

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Operand(NamedTuple):
    """What an operator compares with, and whether a value is such a thing."""

    name: str
    includes: Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_TEXT = Operand("a text", _is_text)
_NUMBER = Operand("a number", _is_number)
_COUNT = Operand("a whole number from 0", _is_count)
_PLAIN = Operand(
    "a text, a number or a boolean", lambda value: isinstance(value, str | int | float)
)
_VALUE = Operand("a value that is not null", lambda value: value is not None)

_OF_TEXT = {"equal": _TEXT, "contains": _TEXT, "glob": _TEXT}
_OF_COUNT = {"equal": _COUNT, "at_least": _COUNT, "at_most": _COUNT}
_OF_JSON = {
    "equal": _VALUE,
    "contains": _PLAIN,
    "glob": _TEXT,
    "at_least": _NUMBER,
    "at_most": _NUMBER,
}


class Subject(NamedTuple):
    """What can be asked of: what it is, the operators for it, and what names its parts, if any."""

    meaning: str
    operators: Mapping[str, Operand]
    names: str = ""


SUBJECTS = {
    "filename": Subject("the file's name, as answers state it", _OF_TEXT),
    "size": Subject("the file's size in bytes", _OF_COUNT),
    "content_type": Subject("the file's type, as its content says and not its client", _OF_TEXT),
    "prompt": Subject("the text of the JSON's field `prompt`", _OF_TEXT),
    "json": Subject(
        "a field of the JSON, by its path, such as `model`, `metadata.tenant` or `image_urls.0`",
        _OF_JSON,
        "paths",
    ),
    "header": Subject("a header of the request, by its name in any case", _OF_TEXT, "names"),
}
"""By name. The table of operations says which of them there are in each."""


def _equal(value: Any, wanted: Any) -> bool:
    """Compare as JSON does: true is not 1, but 1.0 is."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    if isinstance(wanted, list) and isinstance(value, list):
        return len(value) == len(wanted) and all(map(_equal, value, wanted))
    if isinstance(wanted, dict) and isinstance(value, dict):
        return value.keys() == wanted.keys() and all(
            _equal(value[name], each) for name, each in wanted.items()
        )
    return bool(value == wanted)


def _contains(value: Any, wanted: Any) -> bool:
    """Tell of a text whether it has a part, and of a list whether it has an element."""
    if isinstance(value, list):
        return any(_equal(each, wanted) for each in value)
    return isinstance(value, str) and isinstance(wanted, str) and wanted in value[:MAX_TEXT]


def _matches(value: Any, wanted: str) -> bool:
    return isinstance(value, str) and _pattern_of(wanted).match(value[:MAX_TEXT]) is not None


@cache_short_inputs
def _pattern_of(glob: str) -> re.Pattern[str]:
    """Return a shell's pattern as an expression, which looks for what follows each star once."""
    return re.compile(fnmatch.translate(glob))


OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equal": _equal,
    "contains": _contains,
    "glob": _matches,
    "at_least": lambda value, wanted: _is_number(value) and value >= wanted,
    "at_most": lambda value, wanted: _is_number(value) and value <= wanted,
}
"""By name. A value of another kind than an operator is for does not meet it."""


def checked(where: Mapping[str, Any], operation: str) -> dict[str, Any]:
    """Return conditions on requests for `operation` with an operator for each.

    Raises ValueError, which names what is wrong and what is valid.
    """
    conditions: dict[str, Any] = {}
    for name, given in where.items():
        if name not in BY_NAME[operation].subjects:
            valid = ", ".join(BY_NAME[operation].subjects)
            what = (
                f"{operation} has no {name}"
                if name in SUBJECTS
                else f"unknown subject {_shown(name)}"
            )
            raise ValueError(f"{what}; valid for {operation} are {valid}")
        conditions[name] = _checked_subject(name, given)
    count = sum(1 for _ in _flat(conditions))
    if not 1 <= count <= MAX_CONDITIONS:
        raise ValueError(f"expected 1 to {MAX_CONDITIONS} conditions, not {count}")
    return conditions


def _checked_subject(name: str, given: Any) -> dict[str, Any]:
    subject = SUBJECTS[name]
    if not subject.names:
        return _checked_operators(name, given, subject.operators)
    if not isinstance(given, dict):
        raise ValueError(f"{name} must be an object of {subject.names}")
    for part in given:
        is_name = _HEADER_NAME.fullmatch(part) if name == "header" else all(part.split("."))
        if not is_name or len(part) > MAX_WANTED:
            raise ValueError(f"{name}: {_shown(part)!r} is none of the {subject.names}")
    return {
        part: _checked_operators(f"{name}.{_shown(part)}", each, subject.operators)
        for part, each in given.items()
    }


def _checked_operators(place: str, given: Any, operators: Mapping[str, Operand]) -> dict[str, Any]:
    wanted = given if isinstance(given, dict) else {"equal": given}
    if not wanted:
        raise ValueError(f"{place}: expected one of {', '.join(operators)}")
    for operator, value in wanted.items():
        if operator not in operators:
            valid = ", ".join(operators)
            raise ValueError(f"{place}: unknown operator {_shown(operator)}; valid are {valid}")
        if not operators[operator].includes(value):
            raise ValueError(f"{place}: {operator} must be {operators[operator].name}")
        longest = MAX_GLOB if operator == "glob" else MAX_WANTED
        if isinstance(value, str) and len(value) > longest:
            raise ValueError(f"{place}: {operator} has more than {longest} characters")
    return wanted


def _shown(name: str) -> str:
    return redacted_text(name)[:_SHOWN_CHARACTERS]


def _flat(where: Where) -> Iterator[tuple[str, str, str, Any]]:
    """Yield each condition: its subject, the name within that, if it has any, operator, operand."""
    for subject, given in where.items():
        parts = given if SUBJECTS[subject].names else {"": given}
        for part, wanted in parts.items():
            for operator, value in wanted.items():
                yield subject, part, operator, value


def where_schema() -> dict[str, Any]:
    """Return the properties of conditions, as JSON Schema has them."""
    return {
        name: {"description": f"Of {each.meaning}: {', '.join(each.operators)}."}
        for name, each in SUBJECTS.items()
    }


def needs_body(where: Where, operation: str) -> bool:
    """Return whether a request must be read beyond its head before this can be told of it."""
    return BY_NAME[operation].world != FILE and any(subject != "header" for subject in where)


class Facts:
    """What is known so far of a request. `header` returns the value of one by its name.

    Once it `is_complete`, what was not learned until then is not there.
    """

    __slots__ = ("_fields", "_header", "_known", "is_complete")

    def __init__(self, header: Callable[[bytes], str | None]) -> None:
        self.is_complete = False
        self._header = header
        self._known: dict[str, Any] = {}
        self._fields: dict[int, Mapping[str, Any]] = {}
        """The fields of JSON objects that were asked of, by what identifies each."""

    def learn(self, facts: Mapping[str, Any]) -> None:
        """Take note of `filename`, `size`, `content_type` or `json`; None where there is none."""
        self._known.update(facts)

    def verdict(self, where: Where) -> bool | None:
        """Return whether the request meets all of `where`; None where that is not known yet."""
        is_known = True
        for subject, part, operator, wanted in _flat(where):
            source = "json" if subject == "prompt" else subject
            if source != "header" and source not in self._known and not self.is_complete:
                is_known = False
                continue
            value = self._value(subject, part)
            if value is None or not OPERATORS[operator](value, wanted):
                return False
        return True if is_known else None

    def _value(self, subject: str, part: str) -> Any:
        if subject == "header":
            return self._header(part.lower().encode())
        if subject == "json":
            return self._field(part)
        if subject == "prompt":
            prompt = self._field("prompt")
            return prompt if isinstance(prompt, str) else None
        return self._known.get(subject)

    def _field(self, path: str) -> Any:
        """Return the field of the JSON at a path, None where there is none.

        Names match as those of the API's own fields do, in any case (go).
        """
        value = self._known.get("json")
        for name in path.split("."):
            if isinstance(value, dict):
                value = self._fields_of(value).get(fold(name))
            elif isinstance(value, list) and name.isdecimal() and len(name) < len(str(MAX_TEXT)):
                value = value[int(name)] if int(name) < len(value) else None
            else:
                return None
        return value

    def _fields_of(self, value: dict[str, Any]) -> Mapping[str, Any]:
        """Return the fields of an object, looked through once for all conditions of all rules."""
        if id(value) not in self._fields:
            self._fields[id(value)] = folded_fields(value)
        return self._fields[id(value)]


def printed(name: str) -> str:
    """Return a file's name as answers state it: with U+FFFD for each byte that is not UTF-8."""
    return _SURROGATE.sub("\ufffd", name)
