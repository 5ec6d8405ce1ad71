"""A generation request: parsing and validating the body."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

from fake_apimart.contract import errors
from fake_apimart.generation.input_schema import input_schema, validate
from fake_apimart.generation.models import Model, find_model
from fake_apimart.pictures.references import check_url
from fake_apimart.worlds.outcome import Outcome, outcome_of


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A validated request, except for the references and for `size`, which may depend on them."""

    model: Model
    prompt: str
    images: int
    size: str
    resolution: str
    output_format: str
    seed: int | None
    image_urls: tuple[str, ...]
    webhook: str | None
    outcome: Outcome
    unread: tuple[str, ...] = ()
    """The names of fields that are ignored."""


def parse_request(
    body: bytes, *, offered: Collection[str], accepts_base64: bool, default_outcome: Outcome
) -> GenerationRequest:
    """Parse and validate a body, as JSON whatever its Content-Type is.

    Unknown fields are ignored. The request may override `default_outcome`. Raises
    `invalid_parameter`, `model_not_found`, `build_request_failed`.
    """
    fields = _parse_json(body)
    model = _model_of(fields, offered)
    schema = input_schema(model)
    validate(fields, schema)
    image_urls = _image_urls_of(fields, accepts_base64=accepts_base64)
    webhook = _webhook_of(fields)
    outcome = outcome_of(fields["prompt"], fields.get("metadata"), default_outcome)
    if outcome.moderated:
        raise errors.content_moderation_failed()
    return GenerationRequest(
        model=model,
        prompt=fields["prompt"],
        images=fields.get("n") or 1,
        size=fields.get("size") or "auto",
        resolution=(fields.get("resolution") or model.resolutions[0]).lower(),
        output_format=(fields.get("output_format") or "png").lower(),
        seed=fields.get("seed"),
        image_urls=image_urls,
        webhook=webhook,
        outcome=outcome,
        unread=tuple(name for name in fields if name not in schema["properties"]),
    )


def _model_of(fields: dict[str, Any], offered: Collection[str]) -> Model:
    name = fields.get("model")
    if isinstance(name, str) and name.strip():
        return find_model(name, offered)
    # Any model's schema will refuse a missing name or one that is not a string.
    return find_model("", ())


def _image_urls_of(fields: dict[str, Any], *, accepts_base64: bool) -> tuple[str, ...]:
    """Return the URLs of `image_urls`, and check them and `mask_url`."""
    items: list[str | dict[str, str]] = fields.get("image_urls") or []
    urls = tuple(item if isinstance(item, str) else item["url"] for item in items)
    for number, url in enumerate(urls):
        check_url(f"image_urls[{number}]", url, accepts_base64=accepts_base64)
    if fields.get("mask_url"):
        check_url("mask_url", fields["mask_url"], accepts_base64=accepts_base64)
    return urls


def _webhook_of(fields: dict[str, Any]) -> str | None:
    webhook: str | None = fields.get("webhook") or None
    if webhook is not None and not webhook.startswith(("http://", "https://")):
        raise errors.invalid_parameter("webhook must be an http or https URL")
    return webhook


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        # Like Go: U+FFFD replaces what is not UTF-8, and NaN and Infinity are not JSON.
        fields = json.loads(body.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise errors.invalid_parameter(f"the body is not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise errors.invalid_parameter("the body must be a JSON object")
    return {key: _replace_surrogates(value) for key, value in fields.items()}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _replace_surrogates(value: Any) -> Any:
    """Replace each unpaired surrogate in text by U+FFFD, as Go does with such escapes."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
