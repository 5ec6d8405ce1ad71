"""How an operation is described in the OpenAPI document: its fields, its answers, real bodies."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fake_apimart.contract import errors
from fake_apimart.contract.api_error import ApiError
from fake_apimart.contract.operations import KEY, Operation
from fake_apimart.contract.rendering import render

EXAMPLE_REQUEST_ID = "20260919182056471923385yBRUUrTx"

Schema = Mapping[str, Any]

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a status: what it means, its schema, and a real body as an example.

    Without a schema there is no body.
    """

    status: int
    meaning: str
    schema: Schema | None = None
    example: Any = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Documentation:
    """What the document says of one operation, beyond its row in the table of operations."""

    tag: str
    summary: str
    answers: tuple[Answer, ...]
    refusals: tuple[ApiError, ...] = ()
    """Errors beyond those that the row names."""
    body: Schema | None = None
    """The content of the request's body, by media type."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The request headers that are read, and what for."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the parameters of path and query mean."""

    def route_options(self, operation: Operation, method: str, path: str) -> dict[str, Any]:
        """Return FastAPI's options for the route of `operation` by `method` at `path`."""
        described = {
            "parameters": [*self._parameters(operation, path), *self._headers()],
            "security": [{"key": []}] if operation.world == KEY else [],
            "responses": self._responses(operation),
        }
        if self.body is not None:
            described["requestBody"] = {"required": True, "content": self.body}
        return {
            "tags": [self.tag],
            "summary": self.summary,
            "openapi_extra": described,
            "operation_id": re.sub(r"\W+", "_", f"{operation.name} {method} {path}").strip("_"),
        }

    def _parameters(self, operation: Operation, path: str) -> list[dict[str, Any]]:
        in_path = _PARAMETER.findall(path)
        found = [(name, "path") for name in in_path]
        found += [(name, "query") for name in operation.queries if name not in in_path]
        return [
            {
                "name": name,
                "in": place,
                "required": place == "path",
                "schema": {"type": "string"},
                "description": self.parameters[name],
            }
            for name, place in found
        ]

    def _headers(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "in": "header",
                "required": False,
                "schema": {"type": "string"},
                "description": meaning,
            }
            for name, meaning in self.headers.items()
        ]

    def _responses(self, operation: Operation) -> dict[str, Any]:
        """Return every status that the operation can answer with, each body among the examples."""
        answers = [*self.answers, *map(_answer_of, self._errors(operation))]
        by_status: defaultdict[int, list[Answer]] = defaultdict(list)
        for each in answers:
            by_status[each.status].append(each)
        return {str(status): _response(of_status) for status, of_status in by_status.items()}

    def _errors(self, operation: Operation) -> list[ApiError]:
        named = [errors.internal_error(), operation.store_failure(), *self.refusals]
        if operation.world == KEY:
            named = [errors.invalid_api_key(), errors.forbidden(), *named, errors.bad_gateway()]
            named += [errors.service_unavailable()]
        if operation.is_rated or operation.world == KEY:
            named.append(errors.rate_limited(1))
        return named if operation.world else []


def _answer_of(error: ApiError) -> Answer:
    """Return what a refusal looks like, in the very words that it is written out with."""
    response = render(error, EXAMPLE_REQUEST_ID)
    text = bytes(response.body).decode()
    if response.media_type == "application/xml":
        return Answer(error.status, error.message, {"type": "string"}, text, "application/xml")
    content = json.loads(text)
    return Answer(error.status, error.message, _schema_of(content), content)


def _schema_of(example: Any) -> Schema:
    """Return a schema that holds the example's keys and types, and no others."""
    if isinstance(example, dict):
        return {
            "type": "object",
            "properties": {name: _schema_of(value) for name, value in example.items()},
            "required": list(example),
            "additionalProperties": False,
        }
    return {"type": "integer" if isinstance(example, int) else "string"}


def _response(answers: list[Answer]) -> dict[str, Any]:
    """Return one status, with a body of each of its answers."""
    meanings = dict.fromkeys(each.meaning for each in answers)
    response: dict[str, Any] = {"description": "; ".join(meanings)}
    by_type: defaultdict[str, list[Answer]] = defaultdict(list)
    for each in answers:
        if each.schema is not None:
            by_type[each.media_type].append(each)
    if by_type:
        response["content"] = {kind: _content(of_type) for kind, of_type in by_type.items()}
    return response


def _content(answers: list[Answer]) -> dict[str, Any]:
    schemas = [each.schema for each in answers]
    different = [each for number, each in enumerate(schemas) if each not in schemas[:number]]
    content: dict[str, Any] = {
        "schema": different[0] if len(different) == 1 else {"anyOf": different}
    }
    examples = {
        each.meaning: {"value": each.example} for each in answers if each.example is not None
    }
    if examples:
        content["examples"] = examples
    return content
