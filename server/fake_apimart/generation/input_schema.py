"""The JSON Schema of a generation request, made from the model table, and validation against it.

Requests are validated against the same schema that clients are given.
"""

from __future__ import annotations

from typing import Any

from fake_apimart.contract import errors
from fake_apimart.generation.models import Model

Schema = dict[str, Any]

OUTPUT_FORMATS = ("png", "jpeg", "webp")
EXACT_SIZE = "^[0-9]{1,4}x[0-9]{1,4}$"
"""The pattern of a `size` in pixels, as the schema states it."""

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "object": dict,
    "array": list,
}
"""Python's types by those of JSON Schema."""


def input_schema(model: Model) -> Schema:
    """Return the JSON Schema of a request for `model`."""
    url = {"type": "string"}
    image = {"anyOf": [url, {"type": "object", "properties": {"url": url}, "required": ["url"]}]}
    size: Schema = {"type": "string", "default": "auto"}
    if model.ratios:
        size["anyOf"] = [{"enum": ["auto", *model.ratios]}, {"pattern": EXACT_SIZE}]
    resolutions = list(model.resolutions)
    return {
        "type": "object",
        "properties": {
            "model": {"type": "string", "const": model.id},
            "prompt": {"type": "string", "minLength": 1},
            "n": {"type": "integer", "minimum": 1, "maximum": model.max_images, "default": 1},
            "size": size,
            "resolution": {"type": "string", "enum": resolutions, "default": resolutions[0]},
            "quality": {"type": "string"},
            "image_urls": {"type": "array", "items": image, "maxItems": model.max_references},
            "mask_url": url,
            "output_format": {"type": "string", "enum": list(OUTPUT_FORMATS), "default": "png"},
            "seed": {"type": "integer"},
            "webhook": {"type": "string", "format": "uri"},
            "metadata": {"type": "object"},
        },
        "required": ["model", "prompt"],
    }


def validate(body: dict[str, Any], schema: Schema) -> None:
    """Validate a request; unknown fields are ignored, and null counts as absent.

    Of `size` only the type is checked, since its error depends on the model. Raises
    `invalid_parameter`, which names the field and what is allowed.
    """
    for name in schema["required"]:
        if not body.get(name) or not str(body[name]).strip():
            raise errors.invalid_parameter(f"{name} is required")
    for name, property_schema in schema["properties"].items():
        if body.get(name) is not None:
            _validate_value(name, body[name], property_schema)


def _validate_value(name: str, value: object, schema: Schema) -> None:
    expected = _TYPES[schema["type"]]
    if not isinstance(value, expected) or isinstance(value, bool):
        raise errors.invalid_parameter(f"{name} must be {_describe_allowed(schema)}")
    if "enum" in schema and str(value).lower() not in schema["enum"]:
        raise errors.invalid_parameter(f"{name} must be {_describe_allowed(schema)}")
    if "maximum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
        raise errors.invalid_parameter(f"{name} must be {_describe_allowed(schema)}")
    if isinstance(value, list):
        if len(value) > schema["maxItems"]:
            raise errors.invalid_parameter(f"{name} exceeds max {schema['maxItems']}")
        for number, item in enumerate(value):
            _validate_image(f"{name}[{number}]", item)


def _validate_image(name: str, item: object) -> None:
    url = item.get("url") if isinstance(item, dict) else item
    if not isinstance(url, str):
        raise errors.invalid_parameter(f'{name} must be a URL, or an object {{"url": …}}')


def _describe_allowed(schema: Schema) -> str:
    """Describe in words what a schema allows."""
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if "maximum" in schema:
        return f"an integer from {schema['minimum']} to {schema['maximum']}"
    article = "an" if schema["type"][0] in "aeiou" else "a"
    return f"{article} {schema['type']}"
