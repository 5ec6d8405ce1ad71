"""A generation request: from the bytes of its body to something that can be planned with."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

from fake_apimart.contract import errors
from fake_apimart.generation.input_schema import check, input_schema
from fake_apimart.generation.models import Model, model_called
from fake_apimart.pictures.references import check_url
from fake_apimart.worlds.outcome import Outcome, outcome_of


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What was asked for, checked but for what depends on the references."""

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
    """Fields that nothing reads."""


def parse_request(
    body: bytes, *, offered: Collection[str], accepts_base64: bool, outcome: Outcome
) -> GenerationRequest:
    """Read and check a body. JSON whatever its Content-Type says; unknown fields are ignored.

    `outcome` is how tasks go unless the request says otherwise. Raises `invalid_parameter`,
    `model_not_found`, `build_request_failed`.
    """
    fields = _parse_json(body)
    name = fields.get("model")
    # What is no name at all is for the schema to refuse.
    named = name if isinstance(name, str) and name.strip() else ""
    model = model_called(named, offered if named else ())
    schema = input_schema(model)
    check(fields, schema)
    urls = tuple(_url(item) for item in fields.get("image_urls") or ())
    for number, url in enumerate(urls):
        check_url(f"image_urls[{number}]", url, accepts_base64=accepts_base64)
    if fields.get("mask_url"):
        check_url("mask_url", fields["mask_url"], accepts_base64=accepts_base64)
    webhook = fields.get("webhook") or None
    if webhook is not None and not webhook.startswith(("http://", "https://")):
        raise errors.invalid_parameter("webhook must be an http or https URL")
    own_outcome = outcome_of(fields["prompt"], fields.get("metadata"), outcome)
    if own_outcome.moderated:
        raise errors.content_moderation_failed()
    return GenerationRequest(
        model=model,
        prompt=fields["prompt"],
        images=fields.get("n") or 1,
        size=fields.get("size") or "auto",
        resolution=(fields.get("resolution") or model.resolutions[0]).lower(),
        output_format=(fields.get("output_format") or "png").lower(),
        seed=fields.get("seed"),
        image_urls=urls,
        webhook=webhook,
        outcome=own_outcome,
        unread=tuple(name for name in fields if name not in schema["properties"]),
    )


def _url(item: str | dict[str, str]) -> str:
    return item if isinstance(item, str) else item["url"]


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        # Go prints U+FFFD for what is not UTF-8, and knows neither NaN nor Infinity.
        fields = json.loads(body.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise errors.invalid_parameter(f"the body is not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise errors.invalid_parameter("the body must be a JSON object")
    return {key: _printable(value) for key, value in fields.items()}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _printable(value: Any) -> Any:
    """Text with U+FFFD for half of a surrogate pair, as Go reads such escapes."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
