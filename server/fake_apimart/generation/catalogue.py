"""The model catalogue: the list of models, and of each its entry, its schema and its page."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from starlette.responses import Response

from fake_apimart.contract import errors, response_version
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.contract.operations import BY_NAME
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.generation.idempotency import HEADER, LIFE_SECONDS, REPLAYED_HEADER
from fake_apimart.generation.model_docs import docs_answer
from fake_apimart.generation.models import Model, find_model, list_models
from fake_apimart.generation.published_schema import published_schema
from fake_apimart.settings.settings import Settings

OPERATION = "image_generation"
"""The only value of `operation` for which there are schemas."""
CATEGORY = "image"
EXPANDED = "parameters"
"""The value of `expand` that adds to each entry what a request may hold (live)."""
_CREATE = BY_NAME["generations.create"]
_MODELS_CREATED = 1_626_777_600
_SCHEMA_VERSION = "2026-07-30"
_SOURCE = "task_model_registry"
_NANOSECONDS_PER_SECOND = 1_000_000_000
# These models have the images' own endpoint type as well (live).
_IS_IMAGE_ENDPOINT = re.compile(r"-official$|2\.5")


class Catalogue:
    """The operations `models.list`, `models.get`, `models.schema` and `models.docs`."""

    def __init__(self, settings: Settings) -> None:
        self._offered = settings.models
        self._models = {model.id: model for model in list_models(settings.models)}

    async def models(self, exchange: Exchange) -> Response:
        """Answer `GET /v1/models` (live)."""
        expand, category = exchange.query("expand") or "", exchange.query("category")
        is_expanded = EXPANDED in expand.split(",")
        return JSONResponse(models_answer(self._models.values(), category, expanded=is_expanded))

    async def model(self, exchange: Exchange) -> Response:
        """Answer `GET /v1/models/{model}` (base). Raises `no_such_model`."""
        return JSONResponse(model_answer(exchange.parameters["model"], self._models))

    async def schema(self, exchange: Exchange) -> Response:
        """Answer `GET /v1/models/{model}/schema` and `GET /v1/model-schema?model=` (live).

        Raises `invalid_parameter` without a model or for another operation, and `unknown_model`
        (assumed).
        """
        name = exchange.parameters.get("model") or exchange.query("model")
        model = schema_model(name, exchange.query("operation"), self._offered)
        return JSONResponse(schema_answer(model))

    async def docs(self, exchange: Exchange) -> Response:
        """Answer `GET /v1/model-docs?model=` (live client). Raises `invalid_parameter`."""
        name = named_model(exchange.query("model"))
        now_s = exchange.world.clock.time_ns() // _NANOSECONDS_PER_SECOND
        return JSONResponse(docs_answer(name, self._models.get(name), now_s))


def named_model(name: str | None) -> str:
    """Return the name of the model that is asked for. Raises `invalid_parameter` without one."""
    if not name or not name.strip():
        raise errors.invalid_parameter("model is required")
    return name


def schema_model(name: str | None, operation: str | None, offered: Collection[str]) -> Model:
    """Return the model whose schema is asked for: any one, unless `offered` lists some.

    Raises `invalid_parameter`, `unknown_model`.
    """
    name = named_model(name)
    if operation not in (None, "", OPERATION):
        raise errors.invalid_parameter(f"operation must be {OPERATION}")
    if offered and name not in offered:
        raise errors.unknown_model(name)
    return find_model(name, offered)


def models_answer(
    models: Iterable[Model], category: str | None = None, *, expanded: bool = False
) -> dict[str, Any]:
    """Return the list of models of a category, or of all (live).

    If it is `expanded`, each entry says what a request may hold.
    """
    is_asked_for = category in (None, "", CATEGORY)
    entries = [
        _model_entry(model) | ({"parameters": _parameters(model)} if expanded else {})
        for model in models
        if is_asked_for
    ]
    return {"data": entries, "object": "list", "success": True}


def model_answer(name: str, models: Mapping[str, Model]) -> dict[str, Any]:
    """Return the list's entry of one model (base). Raises `no_such_model`."""
    if name not in models:
        raise errors.no_such_model(name)
    return _model_entry(models[name])


def _model_entry(model: Model) -> dict[str, Any]:
    types = ["image-generation", "openai"] if _IS_IMAGE_ENDPOINT.search(model.id) else ["openai"]
    return {
        "id": model.id,
        "object": "model",
        "created": _MODELS_CREATED,
        "owned_by": "custom",
        "supported_endpoint_types": types,
        "category": CATEGORY,
        "capability_tags": ["Text to Image"],
    }


def _parameters(model: Model) -> dict[str, Any]:
    """Return what a request for `model` may hold, as an expanded entry has it (live)."""
    return {
        "operation": OPERATION,
        "method": _CREATE.methods[0],
        "endpoint": _CREATE.paths[0],
        "schema_version": _SCHEMA_VERSION,
        "source": _SOURCE,
        "input_schema": published_schema(model),
    }


def schema_answer(model: Model) -> dict[str, Any]:
    """Return what a request for `model` may hold, and how it is sent (live)."""
    return {
        "object": "model.input_schema",
        "model": model.id,
        "operation": OPERATION,
        "endpoint": {"method": _CREATE.methods[0], "path": _CREATE.paths[0]},
        "idempotency": {
            "header": HEADER,
            "replay_header": REPLAYED_HEADER,
            "required": False,
            "retention_seconds": LIFE_SECONDS,
            "scope": "api_key_endpoint",
        },
        "response_contract": {
            "header": response_version.HEADER,
            "version": response_version.VERSION,
        },
        "schema_version": _SCHEMA_VERSION,
        "source": _SOURCE,
        "input_schema": published_schema(model),
    }
