"""How the list of models, their schemas and pages are described in the OpenAPI document."""

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
from fake_apimart.generation.model_docs import docs_answer
from fake_apimart.generation.models import MODELS
from fake_apimart.generation.published_schema import MORE

_BY_ID = {model.id: model for model in MODELS}
_OFFERED = tuple(_BY_ID)

_JSON_SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "$schema": TEXT,
        "type": {"type": "string", "const": "object"},
        "properties": {"type": "object", "additionalProperties": True},
        "required": {"type": "array", "items": TEXT},
        "anyOf": {"type": "array", "items": {"type": "object"}},
        "additionalProperties": {"type": "boolean", "const": True},
        MORE: {
            "type": "object",
            "additionalProperties": True,
            "description": "The further rules that this server holds fields to (assumed).",
        },
    },
    "required": ["type", "properties", "required"],
    "description": "JSON Schema of a request's body, of 2020-12; it allows more than is taken.",
}

_MODEL_ID = Parameter(
    "model",
    "The id of the model.",
    {**TEXT, "minLength": 1, "examples": [MODELS[0].id]},
    required=True,
)

_PARAMETERS = record(
    "ModelParameters",
    {
        "operation": TEXT,
        "method": TEXT,
        "endpoint": TEXT,
        "schema_version": TEXT,
        "source": TEXT,
        "input_schema": _JSON_SCHEMA,
    },
)

_MODEL = record(
    "Model",
    {
        "id": TEXT,
        "object": {"type": "string", "const": "model"},
        "created": {**INTEGER, "description": "Unix seconds."},
        "owned_by": TEXT,
        "supported_endpoint_types": {"type": "array", "items": TEXT},
        "category": TEXT,
        "capability_tags": {"type": "array", "items": TEXT},
        "parameters": _PARAMETERS,
    },
    optional=["parameters"],
)

LIST = Documentation(
    tag="models",
    summary="List the models.",
    description="""
The models of `FAKE_APIMART_MODELS`, or those that are known (live). Others are taken all the same,
unless that lists some.
""",
    parameters=(
        Parameter(
            "expand",
            "`parameters` adds to each entry what a request for the model may hold (live).",
            {**TEXT, "examples": [catalogue.EXPANDED]},
        ),
        Parameter(
            "category",
            "Only the models of a category; all that are known are of `image` (live).",
            {**TEXT, "examples": [catalogue.CATEGORY]},
        ),
    ),
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
            {
                "the known ones": catalogue.models_answer(MODELS),
                "with parameters": catalogue.models_answer(MODELS, expanded=True),
                "another category": catalogue.models_answer(MODELS, "video"),
            },
        ),
    ),
)

GET = Documentation(
    tag="models",
    summary="Return the list's entry of one model.",
    description="A model that the list does not have is an error with status 200 (base).",
    parameters=(_MODEL_ID,),
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

SCHEMA = Documentation(
    tag="models",
    summary="Tell what a generation request for a model may hold.",
    description="""
What the vendor's own client asks for before each create (live). Every model that a create takes has
one: any name, unless `FAKE_APIMART_MODELS` lists some (assumed). It allows more than is taken, as
the live one does; what this server knows beyond it stands under `x-fake` (assumed).
""",
    parameters=(
        _MODEL_ID,
        Parameter(
            "operation",
            "What is to be done with the model (live).",
            {"type": "string", "enum": [catalogue.OPERATION, ""], "default": catalogue.OPERATION},
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
        refused(errors.invalid_parameter, catalogue.schema_model, None, None, _OFFERED),
        refused(errors.invalid_parameter, catalogue.schema_model, MODELS[0].id, "dance", _OFFERED),
        refused(errors.unknown_model, catalogue.schema_model, "another-model", None, _OFFERED),
    ),
)

_FETCHED_AT = 1_789_813_256

DOCS = Documentation(
    tag="models",
    summary="Return the documentation of a model as Markdown.",
    description="""
What the vendor's own client reads before it builds a request (live). The page is this server's own,
and that of a model which is not listed says so (assumed).
""",
    parameters=(_MODEL_ID,),
    answers=(
        Answer(
            200,
            "The page, and how long it may be kept.",
            record(
                "ModelDocumentation",
                {
                    "object": {"type": "string", "const": "model.documentation"},
                    "model": TEXT,
                    "doc_url": TEXT,
                    "markdown_url": TEXT,
                    "markdown": TEXT,
                    "fetched_at": {**INTEGER, "description": "Unix seconds."},
                    "cache_ttl_seconds": INTEGER,
                    "stale": {"type": "boolean"},
                },
            ),
            {
                "a listed model": docs_answer(MODELS[0].id, MODELS[0], _FETCHED_AT),
                "another model": docs_answer("another-model", None, _FETCHED_AT),
            },
        ),
    ),
    refusals=(refused(errors.invalid_parameter, catalogue.named_model, None),),
)

DOCUMENTATION = {
    "models.list": LIST,
    "models.get": GET,
    "models.schema": SCHEMA,
    "models.docs": DOCS,
}
