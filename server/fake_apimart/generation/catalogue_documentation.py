"""How the list of models and their schemas are described in the OpenAPI document."""

from __future__ import annotations

from fake_apimart.contract import errors
from fake_apimart.contract.documentation import (
    INTEGER,
    TEXT,
    Answer,
    Documentation,
    Parameter,
    Schema,
    record,
    refused,
)
from fake_apimart.generation import catalogue
from fake_apimart.generation.models import MODELS

_MODEL = record(
    "Model",
    {
        "id": TEXT,
        "object": {"type": "string", "const": "model"},
        "created": {**INTEGER, "description": "Unix seconds."},
        "owned_by": TEXT,
        "supported_endpoint_types": {"type": "array", "items": TEXT},
        "category": TEXT,
    },
)

LIST = Documentation(
    tag="models",
    summary="List the models.",
    description="""
The models of `FAKE_APIMART_MODELS`, or those that are known (live). Others are taken all the same,
unless that lists some.
""",
    answers=(
        Answer(
            200,
            "All models (live).",
            record(
                "Models",
                {
                    "data": {
                        "type": "array",
                        "items": _MODEL,
                    },
                    "object": {"type": "string", "const": "list"},
                    "success": {"type": "boolean", "const": True},
                },
            ),
            {"the known ones": catalogue.models_answer(MODELS)},
        ),
    ),
)

_BY_ID = {model.id: model for model in MODELS}

GET = Documentation(
    tag="models",
    summary="Return the list's entry of one model.",
    description="A model that the list does not have is an error with status 200 (base).",
    parameters=(
        Parameter(
            "model",
            "The id of the model.",
            {**TEXT, "minLength": 1, "examples": [MODELS[0].id]},
            required=True,
        ),
    ),
    answers=(
        Answer(
            200,
            "The model (base).",
            _MODEL,
            {model.id: catalogue.model_answer(model.id, _BY_ID) for model in MODELS},
        ),
    ),
    refusals=(refused(errors.no_such_model, catalogue.model_answer, "another-model", _BY_ID),),
)

_JSON_SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "const": "object"},
        "properties": {"type": "object", "additionalProperties": True},
        "required": {"type": "array", "items": TEXT},
    },
    "required": ["type", "properties", "required"],
    "description": "JSON Schema of a request's body.",
}

SCHEMA = Documentation(
    tag="models",
    summary="Tell what a generation request for a model may hold.",
    description="""
What the vendor's own client asks for before each create (live). The very schema that requests are
checked against.
""",
    parameters=(
        Parameter(
            "model",
            "The id of the model.",
            {**TEXT, "minLength": 1, "examples": [MODELS[0].id]},
            required=True,
        ),
        Parameter(
            "operation",
            "What is to be done with the model (live).",
            {"type": "string", "enum": [catalogue.OPERATION], "default": catalogue.OPERATION},
        ),
    ),
    answers=(
        Answer(
            200,
            "The schema, and how requests are sent (live).",
            record(
                "ModelSchema",
                {
                    "object": {"type": "string", "const": "model.input_schema"},
                    "model": TEXT,
                    "operation": TEXT,
                    "endpoint": record("Endpoint", {"method": TEXT, "path": TEXT}),
                    "idempotency": record(
                        "IdempotencyContract",
                        {
                            "header": TEXT,
                            "replay_header": TEXT,
                            "required": {"type": "boolean"},
                            "retention_seconds": INTEGER,
                            "scope": TEXT,
                        },
                    ),
                    "response_contract": record(
                        "ResponseContract", {"header": TEXT, "version": TEXT}
                    ),
                    "schema_version": TEXT,
                    "source": TEXT,
                    "input_schema": _JSON_SCHEMA,
                },
            ),
            {model.id: catalogue.schema_answer(model) for model in MODELS},
        ),
    ),
    refusals=(
        refused(errors.invalid_parameter, catalogue.schema_model, None, None, _BY_ID),
        refused(errors.invalid_parameter, catalogue.schema_model, MODELS[0].id, "dance", _BY_ID),
        refused(errors.unknown_model, catalogue.schema_model, "another-model", None, _BY_ID),
    ),
)

DOCUMENTATION = {"models.list": LIST, "models.get": GET, "models.schema": SCHEMA}
