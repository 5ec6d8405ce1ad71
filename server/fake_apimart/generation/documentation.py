"""How the creation of tasks is described in the OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fake_apimart.contract import errors, response_version
from fake_apimart.contract.api_error import ApiError
from fake_apimart.contract.documentation import (
    EXAMPLE_REQUEST_ID,
    INTEGER,
    JSON,
    TEXT,
    Answer,
    Documentation,
    Parameter,
    Refusal,
    Schema,
    record,
    refused,
)
from fake_apimart.generation.create import created_answer, versioned_answer
from fake_apimart.generation.idempotency import HEADER, MAX_KEY_CHARACTERS, REPLAYED_HEADER
from fake_apimart.generation.input_schema import INTEGERS, input_schema
from fake_apimart.generation.models import MODELS, Model, find_model
from fake_apimart.generation.planning import size_of
from fake_apimart.generation.request import GenerationRequest, parse_request
from fake_apimart.worlds.outcome import Outcome

_TASK_ID = "task_01KT48E134GCG3W870HKHPVMNA"
_GEMINI, _GPT = MODELS[0].id, MODELS[1].id
_UPLOADED = "https://upload.apimart.ai/f/image/9990000123456-a1b2c3d4-photo.jpg"
_URI = {"type": "string", "format": "uri"}

FIELDS = {
    "model": "Which model. Any name is taken, unless `FAKE_APIMART_MODELS` lists some.",
    "prompt": (
        "What to draw; not blank. `[fake: fail=no cats today]` or `[fake: seconds=30]` in it says "
        "how the task goes."
    ),
    "n": "How many images.",
    "size": (
        "A ratio, `auto`, or width x height in pixels; `auto`, or `adaptive` or "
        "`match_input_image` in its place, follows the first reference. In any case."
    ),
    "resolution": (
        "How many pixels for a ratio: about 2^20, 2^22 or 2^24. In any case; `1.5K` and `3K` are "
        "drawn as the next one."
    ),
    "quality": "Taken, and not looked at.",
    "image_urls": "References: URLs, objects that hold one, or both. Other hosts are never asked.",
    "mask_url": "Checked like a reference, and not shown in the result.",
    "output_format": "The type of the results; `jpg` is `jpeg`. In any case.",
    "seed": "The same request with the same seed gives the same bytes.",
    "webhook": (
        "On the task's end its `data` is sent to this URL with `/callback` behind its path (docs)."
    ),
    "metadata": 'Anything. `{"fake_apimart": {"outcome": "failed"}}` says how the task goes.',
}
"""What the fields of a request mean; what they may hold is in the schema of each model."""


_URL: Schema = {"pattern": "^https?://"}
_MORE: dict[str, Schema] = {
    "prompt": {"pattern": r"\S"},
    "image_urls": {
        "items": {
            "anyOf": [
                {"type": "string", **_URL},
                {
                    "type": "object",
                    "properties": {"url": {"type": "string", **_URL}},
                    "required": ["url"],
                },
            ]
        }
    },
    "mask_url": _URL,
    "seed": {"minimum": INTEGERS.start, "maximum": INTEGERS.stop - 1},
    # Not every URL that is taken matches, but every one that matches is taken.
    "webhook": {
        "pattern": r"^https?://[A-Za-z0-9]+(\.[A-Za-z0-9]+)*(:[1-9][0-9]{0,3})?(/[!-~]*)?$"
    },
}
"""What requests are held to beyond the schema that clients are given."""


def _request_schema(model: Model) -> dict[str, Any]:
    schema = input_schema(model)
    properties = {
        name: {**each, **_MORE.get(name, {}), "description": FIELDS[name]}
        for name, each in schema["properties"].items()
    }
    return {"title": f"Request-{model.id}", **schema, "properties": properties}


def _any_other_model() -> dict[str, Any]:
    schema = _request_schema(find_model("any-other-model", ()))
    named = {key: value for key, value in schema["properties"]["model"].items() if key != "const"}
    known = "|".join(re.escape(model.id) for model in MODELS)
    # The page shows `not` as if no name at all were good.
    named["pattern"] = rf"^(?!({known})$).*\S"
    return {**schema, "properties": {**schema["properties"], "model": named}}


def _parse(fields: Mapping[str, Any] | bytes) -> GenerationRequest:
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return parse_request(body, offered=(), accepts_base64=False, default_outcome=Outcome())


def _plan(fields: Mapping[str, Any]) -> None:
    size_of(_parse(fields), None)


def _invalid(fields: Mapping[str, Any] | bytes) -> Refusal:
    return refused(errors.invalid_parameter, _parse, fields)


def _of_model(build: Callable[..., ApiError], fields: Mapping[str, Any]) -> Refusal:
    return refused(build, _plan, {"model": _GPT, "prompt": "a cat", **fields})


_EXAMPLES: dict[str, dict[str, Any]] = {
    "text to image": {"model": _GEMINI, "prompt": "a cat on a bicycle", "size": "16:9"},
    "image to image": {
        "model": _GEMINI,
        "prompt": "基于这张图片创作变体",
        "image_urls": [{"url": _UPLOADED}],
    },
    "two images at once": {
        "model": _GPT,
        "prompt": "a cat on a bicycle [fake: seconds=0]",
        "n": 2,
        "size": "1024x1024",
        "output_format": "webp",
        "image_urls": [_UPLOADED],
    },
    "a task that fails": {"model": _GPT, "prompt": "a cat [fake: fail=no cats today]"},
}


def _poll_link(place: str) -> dict[str, Any]:
    """Return a link to the poll of the task whose id stands at `place` in the answer."""
    link = {"operationId": "tasks_get", "parameters": {"task_id": f"$response.body#{place}"}}
    return {"poll": {**link, "description": "Poll the task."}}


_SUBMITTED = {"type": "string", "const": "submitted"}
_REPLAYED = {REPLAYED_HEADER: "`true` where the task is that of an earlier request (docs)."}

CREATE = Documentation(
    tag="generations",
    summary="Create a task that generates images.",
    description=f"""
A task out of a prompt, and references where there are some (live, docs). Poll it with
`GET /v1/tasks/{{task_id}}`.

- The body is JSON of at most 64 MiB (assumed), whatever its Content-Type says. Unknown fields are
  ignored (live); names of fields match in any case, the last of equal ones counts, null and empty
  text count as absent (go).
- JSON that does not parse is refused in the words of Go's `encoding/json` (go).
- No model runs: the results are drawings of the size asked for.
- With `{response_version.HEADER}: {response_version.VERSION}` the answer is a 202 (live), and every
  refusal has one form, with its code as a string (live; of other layers' refusals assumed).
- With `{HEADER}` the same body gives the same task for 24 hours, and another body a 409 (docs).
- A reference of ours that is gone, expired or broken makes a task that fails, and says so
  (assumed). URLs of other hosts are never fetched. base64 is refused (page), unless
  `FAKE_APIMART_ACCEPT_BASE64` is on.
- A size that gpt-image-2 does not have, and moderation, are a **500** (docs).
- 503 `model_not_found` (live; text base) is answered where `FAKE_APIMART_MODELS` lists others,
  or where a rule of the control API asks for it, as for `get_channel_failed` (live), 403 and 502
  (docs).
""",
    parameters=(
        Parameter(
            HEADER,
            f"1 to {MAX_KEY_CHARACTERS} visible ASCII characters (docs).",
            {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_KEY_CHARACTERS,
                "pattern": "^[!-~]+$",
            },
        ),
        Parameter(
            response_version.HEADER,
            f"`{response_version.VERSION}` asks for the newer form of answers (live); any other "
            "value counts as none (assumed).",
            {"type": "string", "examples": [response_version.VERSION]},
        ),
    ),
    body={
        JSON: {
            "schema": {"anyOf": [*map(_request_schema, MODELS), _any_other_model()]},
            "examples": {name: {"value": fields} for name, fields in _EXAMPLES.items()},
        }
    },
    answers=(
        Answer(
            200,
            "The task is created, or was by an earlier request of this key (live, docs).",
            record(
                "CreatedTask",
                {
                    "code": {**INTEGER, "const": 200},
                    "data": {
                        "type": "array",
                        "items": record("Submitted", {"status": _SUBMITTED, "task_id": TEXT}),
                        "minItems": 1,
                        "maxItems": 1,
                    },
                    "id": {**TEXT, "description": "In the dialect `page` alone (page)."},
                },
                optional=["id"],
            ),
            {
                f"FAKE_APIMART_DIALECT={dialect}": created_answer(_TASK_ID, dialect)
                for dialect in ("page", "live")
            },
            headers=_REPLAYED,
            links=_poll_link("/data/0/task_id"),
        ),
        Answer(
            202,
            f"The same with `{response_version.HEADER}` (live).",
            record(
                "VersionedTask",
                {
                    "code": {**INTEGER, "const": 202},
                    "data": record(
                        "GenerationTask",
                        {
                            "id": TEXT,
                            "task_id": {**TEXT, "description": "As `id`."},
                            "object": {"type": "string", "const": "generation.task"},
                            "status": _SUBMITTED,
                            "poll_url": _URI,
                        },
                    ),
                    "request_id": {**TEXT, "description": "`req_` and the request's id."},
                },
            ),
            {
                response_version.VERSION: versioned_answer(
                    _TASK_ID, "https://api.apimart.ai", EXAMPLE_REQUEST_ID
                )
            },
            headers={
                response_version.HEADER: "The version that the request asked for (live).",
                **_REPLAYED,
            },
            links=_poll_link("/data/task_id"),
        ),
    ),
    refusals=(
        _invalid({"model": _GEMINI}),
        _invalid({"model": _GEMINI, "prompt": "a cat", "n": 0}),
        _invalid({"model": _GEMINI, "prompt": "a cat", "image_urls": ["https://a.b"] * 17}),
        _invalid({"model": _GEMINI, "prompt": "a cat", "image_urls": ["data:image/png;base64,AA"]}),
        _invalid({"model": _GEMINI, "prompt": "a cat", "webhook": "ftp://client.example"}),
        _invalid(b""),
        errors.idempotency_key_reused,
        _of_model(errors.build_request_failed, {"size": "3:5"}),
        errors.content_moderation_failed,
        partial(errors.model_not_found, "another-model"),
        errors.channel_busy,
    ),
)

DOCUMENTATION = {"generations.create": CREATE}
