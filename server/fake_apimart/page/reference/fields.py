"""The fields of a JSON schema as a flat list, as a table shows them: `data.images[].url`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema]
"""The schemas of a document, by the references to them."""

LIMITS = (
    *("const", "enum", "default", "minimum", "maximum"),
    *("minLength", "maxLength", "minItems", "maxItems", "pattern", "format"),
)
"""The keywords of JSON Schema that bound a value, in the order in which they are stated."""
_CHOICES = ("anyOf", "oneOf", "allOf")


@dataclass(frozen=True, slots=True)
class Limit:
    """What bounds a field: a keyword of LIMITS, and its values as text, of which one holds."""

    keyword: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a body, a parameter or a header.

    `type` names its types, as in `string or array of string`, and `meaning` is Markdown.
    """

    name: str
    type: str
    is_required: bool
    limits: tuple[Limit, ...] = ()
    meaning: str = ""


def variants_of(schema: Schema, schemas: Schemas) -> Sequence[Schema]:
    """Return the objects of which a body is one, where a schema leaves a choice."""
    schema = _resolved(schema, schemas)
    choices = schema.get("anyOf", schema.get("oneOf"))
    if choices is None or "type" in schema:
        return [schema]
    return [each for choice in choices for each in variants_of(choice, schemas)]


def fields_of(schema: Schema, schemas: Schemas) -> tuple[Field, ...]:
    """Return the fields of an object, each followed by those that it holds itself."""
    return tuple(_fields(schema, schemas, "", frozenset()))


def field_of(name: str, schema: Schema, schemas: Schemas, *, is_required: bool) -> Field:
    """Return a field with its own limits, and those of what it may hold in a list."""
    schema = _resolved(schema, schemas)
    choices = [_resolved(each, schemas) for each in _choices(schema)]
    limits: dict[str, list[str]] = {}
    for each in (schema, *choices):
        for keyword in LIMITS:
            if keyword in each:
                stated = each[keyword] if keyword == "enum" else [each[keyword]]
                known = limits.setdefault(keyword, [])
                known += [text for text in map(_text, stated) if text not in known]
    return Field(
        name,
        _type_of(schema, schemas),
        is_required,
        tuple(Limit(keyword, tuple(limits[keyword])) for keyword in LIMITS if keyword in limits),
        schema.get("description", ""),
    )


def _fields(
    schema: Schema, schemas: Schemas, prefix: str, above: frozenset[int]
) -> Iterator[Field]:
    """Yield the fields below `prefix`; a schema that holds itself is not followed again."""
    schema = _resolved(schema, schemas)
    if id(schema) in above:
        return
    above |= {id(schema)}
    if "items" in schema:
        yield from _fields(schema["items"], schemas, f"{prefix}[]", above)
    if choices := _choices(schema):
        yield from _merged([list(_fields(each, schemas, prefix, above)) for each in choices])
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        path = f"{prefix}.{name}" if prefix else name
        yield field_of(path, each, schemas, is_required=name in required)
        yield from _fields(each, schemas, path, above)


def _merged(variants: Sequence[Sequence[Field]]) -> Iterator[Field]:
    """Yield each field of several variants once; it is required where all of them require it."""
    fields: dict[str, Field] = {}
    for each in (field for variant in variants for field in variant):
        known = fields.get(each.name)
        fields[each.name] = each if known is None else _both(known, each)
    for name, field in fields.items():
        has_all = all(any(each.name == name for each in variant) for variant in variants)
        yield replace(field, is_required=field.is_required and has_all)


def _both(one: Field, other: Field) -> Field:
    limits = {each.keyword: each.values for each in one.limits}
    for each in other.limits:
        limits[each.keyword] = tuple(dict.fromkeys((*limits.get(each.keyword, ()), *each.values)))
    stated = (*limits.get("const", ()), *limits.get("enum", ()))
    if len(stated) > 1:
        limits |= {"enum": stated, "const": ()}
    return replace(
        one,
        type=one.type if one.type == other.type else f"{one.type} or {other.type}",
        is_required=one.is_required and other.is_required,
        limits=tuple(Limit(each, limits[each]) for each in LIMITS if limits.get(each)),
        meaning=one.meaning or other.meaning,
    )


def _type_of(schema: Schema, schemas: Schemas) -> str:
    schema = _resolved(schema, schemas)
    kinds = schema.get("type", [])
    if kinds == "array" and "items" in schema:
        held = _type_of(schema["items"], schemas)
        return f"array of {held}" if held else "array"
    if kinds:
        return kinds if isinstance(kinds, str) else " or ".join(kinds)
    held_types = [_type_of(each, schemas) for each in _choices(schema)]
    return " or ".join(dict.fromkeys(filter(None, held_types)))


def _choices(schema: Schema) -> Sequence[Schema]:
    return [each for keyword in _CHOICES for each in schema.get(keyword, ())]


def _resolved(schema: Schema, schemas: Schemas) -> Schema:
    """Return a schema, or the one that it refers to, with what it says beside that."""
    if "$ref" not in schema:
        return schema
    beside = {name: each for name, each in schema.items() if name != "$ref"}
    return {**schemas[schema["$ref"]], **beside} if beside else schemas[schema["$ref"]]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
