"""The JSON Schema of a generation request, made from the model table, and validation against it."""

from __future__ import annotations

from typing import Any

from fake_apimart.contract import errors
from fake_apimart.generation.models import Model, find_model
from fake_apimart.go.json import match_fields

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
INTEGERS = range(-(2**63), 2**63)
"""The integers that Go reads."""


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


FIELDS = {
    name: str(schema["type"])
    for name, schema in input_schema(find_model("", ()))["properties"].items()
}
"""The types of the fields that are read, by name; all others are ignored."""


def validate(fields: dict[str, Any], schema: Schema) -> None:
    """Validate the known fields of a request that are there.

    Of `size` only the type is checked, since its error depends on the model. Raises
    `invalid_parameter`, which names the field and what is allowed.
    """
    for name in schema["required"]:
        value = fields.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise errors.invalid_parameter(f"{name} is required")
    for name, property_schema in schema["properties"].items():
        if name in fields:
            _validate_value(name, fields[name], property_schema)


def _validate_value(name: str, value: object, schema: Schema) -> None:
    if not _is_allowed(value, schema):
        raise errors.invalid_parameter(f"{name} must be {_describe_allowed(schema)}")
    if isinstance(value, int) and value not in INTEGERS:
        raise errors.invalid_parameter(f"{name} must be an integer of 64 bits")
    if isinstance(value, list):
        if len(value) > schema["maxItems"]:
            raise errors.invalid_parameter(f"{name} exceeds max {schema['maxItems']}")
        for number, item in enumerate(value):
            _validate_image(f"{name}[{number}]", item)


def _is_allowed(value: Any, schema: Schema) -> bool:
    """Return whether type and range of a value are those of its schema."""
    if not isinstance(value, _TYPES[schema["type"]]) or isinstance(value, bool):
        return False
    if "enum" in schema:
        return value in schema["enum"]
    return "maximum" not in schema or bool(schema["minimum"] <= value <= schema["maximum"])


def _validate_image(name: str, item: object) -> None:
    if not isinstance(url_of_image(item), str):
        raise errors.invalid_parameter(f'{name} must be a URL, or an object {{"url": …}}')


def url_of_image(item: object) -> Any:
    """Return the URL of an element of `image_urls`: text, or the field `url` of an object."""
    return match_fields(item, ["url"])[0].get("url") if isinstance(item, dict) else item


def _describe_allowed(schema: Schema) -> str:
    """Describe in words what a schema allows."""
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if "maximum" in schema:
        return f"an integer from {schema['minimum']} to {schema['maximum']}"
    article = "an" if schema["type"][0] in "aeiou" else "a"
    return f"{article} {schema['type']}"
