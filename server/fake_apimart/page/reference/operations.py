"""The vendor's operations, as the OpenAPI document of this server describes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fake_apimart.contract.operations import Operation as Row
from fake_apimart.gateway.routes import OperationRoute
from fake_apimart.net_http.status_text import status_text
from fake_apimart.page.reference.fields import (
    Field,
    Schemas,
    field_of,
    fields_of,
    variants_of,
)

REFERENCE = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Route:
    """One method at one path."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a path or query, or a request header that is read."""

    place: str
    field: Field


@dataclass(frozen=True, slots=True)
class Example:
    """A body; `text` is it, with line ends and indents where it is JSON."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Body:
    """A form that a body may have: its title, which may be empty, and its fields."""

    title: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """Bodies of one media type, or of several that differ in nothing else."""

    media_types: tuple[str, ...]
    bodies: tuple[Body, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answers with one status; `meaning` is Markdown. `text` stands behind the status."""

    status: int
    text: str
    meaning: str
    headers: tuple[Field, ...]
    contents: tuple[Content, ...]

    @property
    def is_error(self) -> bool:
        """Whether the client sees a failure."""
        return self.status >= HTTPStatus.BAD_REQUEST


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client can ask for. `routes` begins with the usual one."""

    name: str
    anchor: str
    summary: str
    description: str
    tag: str
    routes: tuple[Route, ...]
    parameters: tuple[Parameter, ...]
    contents: tuple[Content, ...]
    """What the request's body may be."""
    answers: tuple[Answer, ...]

    @property
    def route(self) -> Route:
        """The usual route."""
        return self.routes[0]

    @property
    def good(self) -> tuple[Answer, ...]:
        """The answers that are no errors."""
        return tuple(each for each in self.answers if not each.is_error)

    @property
    def errors(self) -> tuple[Answer, ...]:
        """The answers that are."""
        return tuple(each for each in self.answers if each.is_error)


def operations_of(document: Mapping[str, Any], routes: Iterable[object]) -> Iterator[Operation]:
    """Yield the vendor's operations out of `routes` that the document describes, in their order."""
    found: dict[str, list[OperationRoute]] = {}
    for route in routes:
        # What belongs to no world is ours, such as the question of whether the server is well.
        if isinstance(route, OperationRoute) and route.include_in_schema and route.operation.world:
            found.setdefault(route.operation.handler, []).append(route)
    schemas = schemas_of(document)
    for of_one in found.values():
        described = {
            Route(each.method, each.path_format): document["paths"][each.path_format][
                each.method.lower()
            ]
            for each in of_one
        }
        yield _operation(of_one[0].operation, described, schemas)


def schemas_of(document: Mapping[str, Any]) -> Schemas:
    """Return the schemas of a document, by the references to them."""
    return {REFERENCE + name: each for name, each in document["components"]["schemas"].items()}


def _operation(
    row: Row, described: Mapping[Route, Mapping[str, Any]], schemas: Schemas
) -> Operation:
    usual = next(iter(described.values()))
    parameters = {
        (each["in"], each["name"]): _parameter(each, schemas)
        for of_route in described.values()
        for each in of_route.get("parameters", ())
    }
    return Operation(
        row.handler,
        row.handler.replace(":", "."),
        usual["summary"],
        usual["description"],
        usual["tags"][0],
        tuple(described),
        tuple(parameters.values()),
        tuple(_contents(usual.get("requestBody", {}), schemas)),
        tuple(_answer(int(status), each, schemas) for status, each in usual["responses"].items()),
    )


def _parameter(described: Mapping[str, Any], schemas: Schemas) -> Parameter:
    return Parameter(described["in"], _named(described["name"], described, schemas))


def _named(name: str, described: Mapping[str, Any], schemas: Schemas) -> Field:
    """Return a parameter or a header, whose meaning stands beside its schema."""
    schema = {**described["schema"], "description": described.get("description", "")}
    return field_of(name, schema, schemas, is_required=described.get("required", False))


def _answer(status: int, described: Mapping[str, Any], schemas: Schemas) -> Answer:
    headers = described.get("headers", {})
    return Answer(
        status,
        status_text(status),
        described["description"],
        tuple(_named(name, each, schemas) for name, each in headers.items()),
        tuple(_contents(described, schemas)),
    )


def _contents(described: Mapping[str, Any], schemas: Schemas) -> Iterator[Content]:
    found: dict[tuple[tuple[Body, ...], tuple[Example, ...]], list[str]] = {}
    for media_type, each in described.get("content", {}).items():
        bodies = (
            Body(variant.get("title", ""), fields_of(variant, schemas))
            for variant in variants_of(each.get("schema", {}), schemas)
        )
        examples = tuple(_examples(each.get("examples", {})))
        found.setdefault((tuple(body for body in bodies if body.fields), examples), []).append(
            media_type
        )
    for (of_types, examples), media_types in found.items():
        yield Content(tuple(media_types), of_types, examples)


def _examples(described: Mapping[str, Any]) -> Sequence[Example]:
    return [Example(name, _written(each["value"])) for name, each in described.items()]


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
