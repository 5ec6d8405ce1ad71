"""A generation request: parsing and validating the body."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fake_apimart.callbacks.target import target_of
from fake_apimart.common.texts import kept, shortened
from fake_apimart.contract import errors
from fake_apimart.gateway.json_body import parse_json
from fake_apimart.generation.input_schema import (
    FIELDS,
    input_schema,
    url_of_image,
    validate,
)
from fake_apimart.generation.models import Model, find_model
from fake_apimart.go.json import match_fields
from fake_apimart.go.url import URLError
from fake_apimart.pictures.references import MAX_URL_CHARACTERS, check_url
from fake_apimart.worlds.outcome import Outcome, outcome_of

SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "resolution": {"1.5k": "2k", "3k": "4k", "quality": ""},
    "output_format": {"jpg": "jpeg"},
}
"""Words that clients send beside those of the schema, by field, and what they stand for (live)."""
_TAKEN_IN_ANY_CASE = ("resolution", "output_format")


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A validated request, except for the references and for `size`, which may depend on them.

    `prompt` is the beginning that is kept of it.
    """

    model: Model
    prompt: str
    images: int
    size: str
    resolution: str
    output_format: str
    seed: int | None
    image_urls: tuple[str, ...]
    mask_url: str | None
    webhook: str | None
    outcome: Outcome
    unread: tuple[str, ...] = ()
    """The names of fields that are ignored."""


def parse_request(
    body: bytes, *, offered: Collection[str], accepts_base64: bool, default_outcome: Outcome
) -> GenerationRequest:
    """Parse and validate a body.

    Names of fields match in any case, unknown fields are ignored, and null or empty text counts as
    absent (go). The request may override `default_outcome`. Raises `invalid_parameter`,
    `model_not_found`, `build_request_failed`.
    """
    fields, unread = _fields_of(parse_json(body))
    model = _model_of(fields, offered)
    validate(fields, input_schema(model))
    image_urls = _image_urls_of(fields, accepts_base64=accepts_base64)
    webhook = _webhook_of(fields)
    outcome = outcome_of(fields["prompt"], fields.get("metadata"), default_outcome)
    if outcome.moderated:
        raise errors.content_moderation_failed()
    return GenerationRequest(
        model=model,
        prompt=kept(fields["prompt"]),
        images=fields.get("n", 1),
        size=fields.get("size", "auto"),
        resolution=fields.get("resolution", model.resolutions[0]),
        output_format=fields.get("output_format", "png"),
        seed=fields.get("seed"),
        image_urls=image_urls,
        mask_url=fields.get("mask_url"),
        webhook=webhook,
        outcome=outcome,
        unread=unread,
    )


def _fields_of(body: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the fields that are there, synonyms replaced, and the names of unknown ones."""
    if not isinstance(body, dict):
        raise errors.invalid_parameter("the body must be a JSON object")
    fields, unread = match_fields(body, FIELDS)
    for name in _TAKEN_IN_ANY_CASE:
        value = fields.get(name)
        if isinstance(value, str):
            # No word is as long as what is shown, and lower case takes its time.
            word = shortened(value).lower()
            fields[name] = SYNONYMS[name].get(word, word)
    given = {
        name: value for name, value in fields.items() if value != "" or FIELDS[name] != "string"
    }
    return given, tuple(unread)


def _model_of(fields: dict[str, Any], offered: Collection[str]) -> Model:
    name = fields.get("model")
    if isinstance(name, str) and name.strip():
        return find_model(name, offered)
    # Any model's schema will refuse a missing name or one that is not a string.
    return find_model("", ())


def _image_urls_of(fields: dict[str, Any], *, accepts_base64: bool) -> tuple[str, ...]:
    """Return the URLs of `image_urls`, and check them and `mask_url`."""
    urls = tuple(map(url_of_image, fields.get("image_urls", ())))
    for number, url in enumerate(urls):
        check_url(f"image_urls[{number}]", url, accepts_base64=accepts_base64)
    if "mask_url" in fields:
        check_url("mask_url", fields["mask_url"], accepts_base64=accepts_base64)
    return urls


def _webhook_of(fields: dict[str, Any]) -> str | None:
    webhook: str | None = fields.get("webhook")
    if webhook is not None:
        try:
            if len(webhook) > MAX_URL_CHARACTERS:
                raise URLError("too long")
            target_of(webhook)
        except URLError:
            raise errors.invalid_parameter(
                "webhook must be an http or https URL with a host and a valid port"
            ) from None
    return webhook
