"""The model catalogue: the list of models, and the input schema of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from fake_apimart.common.settings import Settings
from fake_apimart.contract import errors, response_version
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.generation.idempotency import HEADER, LIFE_SECONDS, REPLAYED_HEADER
from fake_apimart.generation.input_schema import input_schema
from fake_apimart.generation.models import Model, list_models

OPERATION = "image_generation"
"""The only value of `operation` for which there are schemas."""
_MODELS_CREATED = 1_626_777_600
_SCHEMA_VERSION = "2026-07-30"


class Catalogue:
    """The operations `models.list`, `models.get` and `models.schema`."""

    def __init__(self, settings: Settings) -> None:
        self._models = {model.id: model for model in list_models(settings.models)}

    async def models(self, exchange: Exchange) -> Response:
        """Answer `GET /v1/models` (live)."""
        return JSONResponse(models_answer(self._models.values()))

    async def model(self, exchange: Exchange) -> Response:
        """Answer `GET /v1/models/{model}` (base). Raises `no_such_model`."""
        return JSONResponse(model_answer(exchange.parameters["model"], self._models))

    async def schema(self, exchange: Exchange) -> Response:
        """Answer `GET /v1/models/{model}/schema` and `GET /v1/model-schema?model=` (live).

        Raises `invalid_parameter` without a model or for another operation, and `unknown_model`
        (assumed).
        """
        name = exchange.parameters.get("model") or exchange.query("model")
        return JSONResponse(
            schema_answer(schema_model(name, exchange.query("operation"), self._models))
        )


def schema_model(name: str | None, operation: str | None, models: Mapping[str, Model]) -> Model:
    """Return the model whose schema is asked for. Raises `invalid_parameter`, `unknown_model`."""
    if not name:
        raise errors.invalid_parameter("model is required")
    if operation not in (None, OPERATION):
        raise errors.invalid_parameter(f"operation must be {OPERATION}")
    if name not in models:
        raise errors.unknown_model(name)
    return models[name]


def models_answer(models: Iterable[Model]) -> dict[str, Any]:
    """Return the list of models (live)."""
    return {"data": [_model_entry(model) for model in models], "object": "list", "success": True}


def model_answer(name: str, models: Mapping[str, Model]) -> dict[str, Any]:
    """Return the list's entry of one model (base). Raises `no_such_model`."""
    if name not in models:
        raise errors.no_such_model(name)
    return _model_entry(models[name])


def _model_entry(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": _MODELS_CREATED,
        "owned_by": "custom",
        "supported_endpoint_types": ["image-generation"],
        "category": "image",
    }


def schema_answer(model: Model) -> dict[str, Any]:
    """Return what a request for `model` may hold, and how it is sent (live)."""
    return {
        "object": "model.input_schema",
        "model": model.id,
        "operation": OPERATION,
        "endpoint": {"method": "POST", "path": "/v1/images/generations"},
        "idempotency": {
            "header": HEADER,
            "replay_header": REPLAYED_HEADER,
            "required": False,
            "retention_seconds": LIFE_SECONDS,
            "scope": "api_key+endpoint",
        },
        "response_contract": {
            "header": response_version.HEADER,
            "version": response_version.VERSION,
        },
        "schema_version": _SCHEMA_VERSION,
        "source": "task_model_registry",
        "input_schema": input_schema(model),
    }
