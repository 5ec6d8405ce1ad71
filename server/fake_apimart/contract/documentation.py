"""How an operation is described in the OpenAPI document: parameters, body, answers, examples."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any

from starlette.responses import Response

from fake_apimart.contract import errors, request_id, response_version
from fake_apimart.contract.api_error import ApiError, Shape
from fake_apimart.contract.api_key import is_read_in_query
from fake_apimart.contract.operations import FILE, KEY, Operation
from fake_apimart.contract.rendering import render

EXAMPLE_REQUEST_ID = "20260919182056471923385yBRUUrTx"
"""A request id in the vendor's form (live)."""

JSON = "application/json"
XML = "application/xml"

Schema = Mapping[str, Any]
Refusal = Callable[[], ApiError]
"""A function of `errors`, or a `partial` of one. Its docstring says what the refusal means."""

TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")

_HEADERS = {
    request_id.HEADER: "The request's id: date, time, nanoseconds, 8 alphanumerics (live).",
    response_version.HEADER: "The version that the request asked for (live).",
    "Retry-After": "Seconds until a request is let in again (assumed).",
    "Content-Range": "The size of the file (assumed, as S3 answers).",
}
"""What the headers mean that more than one operation answers with."""


def record(title: str, properties: Schema, *, optional: Iterable[str] = ()) -> Schema:
    """Return the schema of an object with exactly these properties.

    The document lists it under `title`, which no other schema has.
    """
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in set(optional)],
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a path or query, or a request header that is read."""

    name: str
    meaning: str
    schema: Schema = field(default_factory=lambda: TEXT)
    required: bool = False
    """Of a query. A path's parameter always is, a header never."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One kind of answer with a status: its meaning, the schema of its body, bodies as examples.

    `schema` is None where there is no body. `headers` maps names to meanings; an answer that may
    lack one of them says so there.
    """

    status: int
    meaning: str
    schema: Schema | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    media_types: tuple[str, ...] = (JSON,)
    headers: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Any] = field(default_factory=dict)
    """What the answer leads to, as OpenAPI's link objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documentation:
    """What the document says of an operation, beyond its row in the table of operations."""

    tag: str
    summary: str
    description: str
    answers: tuple[Answer, ...]
    refusals: tuple[Refusal, ...] = ()
    """Errors beyond those that every operation of its kind can answer with."""
    parameters: tuple[Parameter, ...] = ()
    """Those of path and query, and the request headers that are read."""
    body: Mapping[str, Any] | None = None
    """The content of the request's body, by media type."""

    def route_options(self, operation: Operation, method: str, path: str) -> dict[str, Any]:
        """Return what FastAPI is given for the route of `operation` by `method` at `path`."""
        extra: dict[str, Any] = {
            "parameters": list(self._parameters(operation, path)),
            "security": _security(operation, path),
        }
        if self.body is not None:
            extra["requestBody"] = {"required": True, "content": self.body}
        return {
            "tags": [self.tag],
            "summary": self.summary,
            "description": self.description,
            "operation_id": _operation_id(operation, method, path),
            "response_class": Response,
            "responses": self._responses(operation, method, path),
            "openapi_extra": extra,
        }

    def _parameters(self, operation: Operation, path: str) -> Iterator[dict[str, Any]]:
        in_path = _PARAMETER.findall(path)
        for each in self.parameters:
            place = "header"
            if each.name in in_path:
                place = "path"
            elif each.name in operation.queries:
                place = "query"
            yield {
                "name": each.name,
                "in": place,
                "required": place == "path" or each.required,
                "schema": each.schema,
                "description": each.meaning,
            }

    def _responses(self, operation: Operation, method: str, path: str) -> dict[int | str, Any]:
        """Return every status that the operation can answer with."""
        answers = list(self.answers)
        for refusal in self._refusals(operation, method, path):
            answers += answers_of(refusal, is_versioned=operation.is_versioned)
        every = {} if operation.world == FILE else {request_id.HEADER: _HEADERS[request_id.HEADER]}
        return responses(answers, every, has_body=method != "HEAD")

    def _refusals(self, operation: Operation, method: str, path: str) -> list[Refusal]:
        """Return the errors of the operation, in the order in which they are looked for."""
        if not operation.world:
            return list(self.refusals)
        if operation.world == FILE:
            return [*self.refusals, errors.internal_error, operation.store_failure]
        before: list[Refusal] = [errors.invalid_api_key, errors.forbidden]
        if operation.needs_balance:
            before.append(partial(errors.insufficient_balance, 90701, 0.01357))
        if "{" in path:
            before.append(partial(errors.invalid_url, method, _PARAMETER.sub("a/b", path)))
        after: list[Refusal] = [
            operation.store_failure,
            errors.internal_error,
            partial(errors.rate_limited, 1),
        ]
        after += [errors.bad_gateway, errors.service_unavailable]
        return [*before, *self.refusals, *after]


def _security(operation: Operation, path: str) -> list[dict[str, list[str]]]:
    """Return the ways to say the key, one of which is needed; none where it needs no key."""
    if operation.world != KEY:
        return []
    return [{"key": []}, {"key_in_query": []}] if is_read_in_query(path) else [{"key": []}]


def refused(like: Callable[..., ApiError], call: Callable[..., object], *given: Any) -> Refusal:
    """Return the refusal that `call(*given)` raises, which means what the error `like` says."""

    @wraps(like)
    def raised() -> ApiError:
        try:
            call(*given)
        except ApiError as error:
            return error
        raise AssertionError(f"not refused: {given}")

    return raised


def _operation_id(operation: Operation, method: str, path: str) -> str:
    """Return an id that no other route has: the shorter, the more usual the route."""
    parts = [operation.handler]
    if method != operation.methods[0]:
        parts.append(method.lower())
    if path != operation.paths[0]:
        parts.append(_PARAMETER.sub(r"\1", path))
    return re.sub(r"\W+", "_", "_".join(parts)).replace("__", "_")


def answers_of(refusal: Refusal, *, is_versioned: bool = False) -> Iterator[Answer]:
    """Yield what a refusal looks like, in the very words that it is written out with."""
    error = refusal()
    meaning = _meaning_of(refusal)
    headers = {name: _HEADERS[name] for name in error.headers if name in _HEADERS}
    response = render(error, EXAMPLE_REQUEST_ID)
    text = bytes(response.body).decode()
    if error.shape is Shape.S3:
        yield Answer(error.status, meaning, S3_ERROR, {error.message: text}, (XML,), headers)
        return
    content = json.loads(text)
    schema = _schema_of(content, f"{error.shape.name.title()}Error")
    yield Answer(error.status, meaning, schema, {error.message: content}, headers=headers)
    if is_versioned:
        response = render(error, EXAMPLE_REQUEST_ID, versioned=True)
        content = json.loads(bytes(response.body))
        example = {f"{error.message} ({response_version.HEADER})": content}
        headers = {**headers, response_version.HEADER: _HEADERS[response_version.HEADER]}
        schema = _schema_of(content, "VersionedError")
        yield Answer(error.status, meaning, schema, example, headers=headers)


S3_ERROR: Schema = {
    **record("S3Error", dict.fromkeys(("Code", "Message", "RequestId"), TEXT)),
    "xml": {"name": "Error"},
}


def _meaning_of(refusal: Refusal) -> str:
    """Return the first line of the error's docstring, which names its source."""
    function = refusal.func if isinstance(refusal, partial) else refusal
    return (function.__doc__ or "").partition("\n")[0]


def _schema_of(example: Any, title: str = "") -> Schema:
    """Return a schema that holds the example's keys and types, and no others."""
    if isinstance(example, dict):
        properties = {name: _schema_of(value) for name, value in example.items()}
        schema = dict(record(title, properties))
        if not title:
            del schema["title"]
        return schema
    return INTEGER if isinstance(example, int) else TEXT


def responses(
    answers: Iterable[Answer], every: Mapping[str, str] | None = None, *, has_body: bool = True
) -> dict[int | str, Any]:
    """Return the description of each status; the headers in `every` are in each answer."""
    by_status: defaultdict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_status[answer.status].append(answer)
    return {
        status: _response(by_status[status], every or {}, has_body=has_body)
        for status in sorted(by_status)
    }


def _response(answers: list[Answer], every: Mapping[str, str], *, has_body: bool) -> dict[str, Any]:
    meanings = list(dict.fromkeys(each.meaning for each in answers))
    response: dict[str, Any] = {
        "description": meanings[0] if len(meanings) == 1 else "\n".join(f"- {m}" for m in meanings)
    }
    headers = {
        name: {"description": meaning, "required": name in every, "schema": TEXT}
        for each in (every, *(answer.headers for answer in answers))
        for name, meaning in each.items()
    }
    if headers:
        response["headers"] = headers
    links = {name: link for each in answers for name, link in each.links.items()}
    if links:
        response["links"] = links
    by_type: defaultdict[str, list[Answer]] = defaultdict(list)
    for each in answers:
        for media_type in each.media_types if each.schema is not None else ():
            by_type[media_type].append(each)
    if by_type and has_body:
        response["content"] = {kind: _content(of_type) for kind, of_type in by_type.items()}
    return response


def _content(answers: list[Answer]) -> dict[str, Any]:
    different: list[Schema | None] = []
    for each in answers:
        if each.schema not in different:
            different.append(each.schema)
    content: dict[str, Any] = {
        "schema": different[0] if len(different) == 1 else {"anyOf": different}
    }
    examples = {name: {"value": value} for each in answers for name, value in each.examples.items()}
    if examples:
        content["examples"] = examples
    return content
