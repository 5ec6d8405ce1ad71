"""The JSON Schema that clients are given of a generation request, in the live one's form.

It allows more than is taken, as the live one does. What is known beyond it stands under `x-fake`.
"""

from __future__ import annotations

from typing import Any

from fake_apimart.generation.input_schema import input_schema
from fake_apimart.generation.models import Model

Schema = dict[str, Any]

MORE = "x-fake"
"""The keyword that holds what is known more of: fields with their further rules (assumed)."""

_TEXT: Schema = {"type": "string"}
_PROPERTIES: Schema = {
    "prompt": _TEXT,
    "messages": {"type": "array", "items": {"type": "object"}},
    "n": {"type": "integer", "default": 1, "minimum": 1},
    "size": _TEXT,
    "quality": _TEXT,
    "image_urls": {"type": "array", "items": _TEXT, "minItems": 1},
    "webhook": {"type": "string", "format": "uri"},
}


def published_schema(model: Model) -> Schema:
    """Return what a request for `model` may hold (live), as JSON Schema of 2020-12."""
    properties = {"model": {"type": "string", "const": model.id}, **_PROPERTIES}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": ["model"],
        "anyOf": [{"required": ["prompt"]}, {"required": ["messages"]}],
        "additionalProperties": True,
        MORE: _more(model, properties),
    }


def _more(model: Model, published: Schema) -> Schema:
    """Return the rules that requests are held to and that `published` lacks, by field."""
    more = {}
    for name, rules in input_schema(model)["properties"].items():
        known = published.get(name, {})
        missing = {rule: value for rule, value in rules.items() if known.get(rule) != value}
        if missing:
            more[name] = missing
    return more
