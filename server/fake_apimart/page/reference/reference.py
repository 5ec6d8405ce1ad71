"""All that the screen shows, out of the document, the cases and the tables of the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from fake_apimart.cases.reading import case_files
from fake_apimart.cases.source import SOURCES
from fake_apimart.control.documentation import CONTROL
from fake_apimart.fidelity.differences import DIFFERENCES, NOT_EMULATED, OTHER_OPERATIONS
from fake_apimart.generation.models import Model, list_models
from fake_apimart.page.reference.behaviours import Known, known_of
from fake_apimart.page.reference.operations import Operation, Route, operations_of
from fake_apimart.settings.settings import Settings
from fake_apimart.worlds.magic_keys import KEYS
from fake_apimart.worlds.outcome import MARKERS

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the control API."""

    route: Route
    summary: str


@dataclass(frozen=True, slots=True)
class CallGroup:
    """The calls about one thing; `meaning` says which."""

    name: str
    meaning: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """An operation, and what is known of it."""

    operation: Operation
    known: tuple[Known, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A name or a form, and what it means, as Markdown."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Reference:
    """What the screen shows. `general` is what is known beside single operations."""

    operations: tuple[Described, ...]
    general: tuple[Known, ...]
    models: tuple[Model, ...]
    magic_keys: tuple[Row, ...]
    markers: tuple[Row, ...]
    call_groups: tuple[CallGroup, ...]
    sources: tuple[Row, ...]
    other_operations: tuple[Row, ...]
    not_emulated: tuple[str, ...]
    differences: tuple[str, ...]


def reference_of(app: FastAPI, settings: Settings) -> Reference:
    """Return the reference of an application."""
    document = app.openapi()
    known = known_of(case_files())
    operations = tuple(
        Described(each, _known_of(each, known)) for each in operations_of(document, app.routes)
    )
    placed = {each for described in operations for each in described.known}
    return Reference(
        operations,
        tuple(each for each in known if each not in placed),
        tuple(list_models(settings.models)),
        _rows({key: magic.meaning for key, magic in KEYS.items()}),
        _rows({marker.form: marker.meaning for marker in MARKERS.values()}),
        tuple(_call_groups(document)),
        _rows(SOURCES),
        _rows(OTHER_OPERATIONS),
        NOT_EMULATED,
        DIFFERENCES,
    )


def _known_of(operation: Operation, known: tuple[Known, ...]) -> tuple[Known, ...]:
    routes = [str(route) for route in operation.routes]
    return tuple(each for each in known if each.is_about(operation.name, routes))


def _rows(meanings: Mapping[str, str]) -> tuple[Row, ...]:
    return tuple(Row(name, meaning) for name, meaning in meanings.items())


def _call_groups(document: Mapping[str, Any]) -> Iterator[CallGroup]:
    for tag, meaning in CONTROL.tags.items():
        calls = tuple(
            Call(Route(method.upper(), path), described["summary"])
            for path, of_path in document["paths"].items()
            for method, described in of_path.items()
            if method in _METHODS and tag in described["tags"]
        )
        yield CallGroup(tag.partition(": ")[2], meaning, calls)
