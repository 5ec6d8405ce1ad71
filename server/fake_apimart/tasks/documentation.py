"""How polls and the balance are described in the OpenAPI document."""

from __future__ import annotations

from functools import partial
from typing import Any

from fake_apimart.common.randomness import Randomness
from fake_apimart.contract import errors, file_url
from fake_apimart.contract.documentation import (
    INTEGER,
    JSON,
    TEXT,
    Answer,
    Documentation,
    Parameter,
    Refusal,
    record,
    refused,
)
from fake_apimart.tasks.answers import page_answer, poll_answer, task_data
from fake_apimart.tasks.balance import balance_answer
from fake_apimart.tasks.polls import MAX_TASK_IDS, task_ids_of
from fake_apimart.tasks.state import Polls, state_of
from fake_apimart.tasks.task import Task

_ID = "task_01KT48E134GCG3W870HKHPVMNA"
_CREATED_MS = 1_780_407_010_404
"""The instant in the id."""
_SECONDS = 11
_BASE_URL = "https://upload.apimart.ai"


def _task(failure: str | None = None) -> Task:
    return Task(
        id=_ID,
        world="",
        created_ms=_CREATED_MS,
        seconds=_SECONDS,
        polls=0,
        failure=failure,
        model="gpt-image-2",
        prompt="",
        seed=None,
        width=1024,
        height=1024,
        output_format="png",
        image_keys=(
            file_url.new_key(
                "page",
                (_CREATED_MS + _SECONDS * 1000) * 1_000_000,
                Randomness(0),
                f"image_{_ID}_0.png".encode(),
            ),
        ),
        reference_keys=(),
        cost=0.006,
        estimated_time=100,
    )


def _data(seconds: float, failure: str | None = None) -> dict[str, Any]:
    """Return what a poll is told that comes so many seconds after the task was created."""
    task = _task(failure)
    state = state_of(task, _CREATED_MS + round(seconds * 1000), Polls())
    return task_data(task, state, _BASE_URL)


_TASKS = {
    "pending": _data(0),
    "processing": _data(_SECONDS / 2),
    "completed": _data(_SECONDS),
    "failed": _data(_SECONDS, "content policy violation"),
}
"""A task at each of its stages."""

_UNIX = {**INTEGER, "description": "Unix seconds."}
_URI = {"type": "string", "format": "uri"}
_AMOUNT = {"type": "number", "minimum": 0}
_IMAGE = record(
    "ResultImage",
    {
        "expires_at": {**_UNIX, "description": "24 hours after the end, in Unix seconds."},
        "url": {"type": "array", "items": _URI, "minItems": 1, "maxItems": 1},
    },
)
_FAILURE = record("TaskFailure", dict.fromkeys(("code", "message", "param", "type"), TEXT))
_STARTED = {
    "cost": {**_AMOUNT, "description": "What it costs, once completed; 0 if it failed."},
    "created": _UNIX,
    "estimated_time": {**INTEGER, "description": "Seconds."},
    "id": TEXT,
    "progress": {**INTEGER, "minimum": 0, "maximum": 100},
}
_ENDED = {
    "actual_time": {**INTEGER, "description": "`completed` less `created`, in seconds."},
    "completed": _UNIX,
    "credits_cost": {**_AMOUNT, "description": "`cost` in credits, ten for each unit."},
}
RUNNING = record(
    "RunningTask", {**_STARTED, "status": {"type": "string", "enum": ["pending", "processing"]}}
)
COMPLETED = record(
    "CompletedTask",
    {
        **_STARTED,
        **_ENDED,
        "result": record(
            "TaskResult", {"images": {"type": "array", "items": _IMAGE, "minItems": 1}}
        ),
        "status": {"type": "string", "const": "completed"},
    },
)
FAILED = record(
    "FailedTask",
    {**_STARTED, **_ENDED, "error": _FAILURE, "status": {"type": "string", "const": "failed"}},
)
_OK = {**INTEGER, "const": 200}
_TASK = {"anyOf": [RUNNING, COMPLETED, FAILED]}
_POLL = record("Poll", {"code": _OK, "data": _TASK})
_BATCH = record("BatchPoll", {"code": _OK, "data": {"type": "array", "items": _TASK}})
_PAGE = record(
    "PagePoll",
    {
        "code": _OK,
        "data": _TASK,
        "id": {**TEXT, "description": "As in `data`."},
        "status": {**TEXT, "description": "As in `data`."},
        "url": {**_URI, "description": "The first result, once there is one."},
        "fail_reason": {**TEXT, "description": "Why the task failed, if it did."},
    },
    optional=("url", "fail_reason"),
)

_PARAMETERS = (
    Parameter("task_id", "The id that the answer to the create gave."),
    Parameter(
        "language",
        "The language of the refusal of an unknown id: Chinese, unless another is named (docs).",
        {"type": "string", "default": "zh", "examples": ["zh", "en"]},
    ),
)
_REFUSALS: tuple[Refusal, ...] = (
    partial(errors.invalid_task_id, None),
    partial(errors.invalid_task_id, "en"),
)

GET = Documentation(
    tag="tasks",
    summary="Poll a task.",
    description="""
`pending`, then `processing` with a growing `progress`, then `completed` or `failed` (live).

- No URL, no `result` and no `completed` before the end (live).
- `url` is a list of one; several images are several objects (live, assumed). Results are readable
  for 24 hours (live).
- A failed task is a 200 too, its `error` an object (live); its set of keys is assumed.
- An id of another key's is as unknown as one that never was (docs).
""",
    parameters=_PARAMETERS,
    answers=(
        Answer(
            200,
            "The task as it stands (live).",
            _POLL,
            {status: poll_answer(data) for status, data in _TASKS.items()},
        ),
    ),
    refusals=_REFUSALS,
)

GET_PAGE = Documentation(
    tag="tasks",
    summary="Poll a task, as the sample on the vendor's page does.",
    description="""
The same `code` and `data` as `GET /v1/tasks/{task_id}`, and at the top level what the sample on the
vendor's page reads (page). There is no such route with `FAKE_APIMART_DIALECT=live` (live).
""",
    parameters=_PARAMETERS,
    answers=(
        Answer(
            200,
            "The task as it stands (page).",
            _PAGE,
            {status: page_answer(data) for status, data in _TASKS.items()},
        ),
    ),
    refusals=_REFUSALS,
)

BATCH = Documentation(
    tag="tasks",
    summary="Poll up to 100 tasks at once.",
    description="""
The tasks in the order asked, unknown ids left out (docs; the answer is assumed). The body is JSON,
whatever its Content-Type says, and the name of its field may be in any case (go).
""",
    body={
        JSON: {
            "schema": {
                "title": "TaskIds",
                "type": "object",
                "properties": {
                    "task_ids": {"type": "array", "items": TEXT, "maxItems": MAX_TASK_IDS}
                },
                "required": ["task_ids"],
            },
            "examples": {"one task": {"value": {"task_ids": [_ID]}}},
        }
    },
    answers=(
        Answer(
            200,
            "Those of the tasks that there are (assumed).",
            _BATCH,
            {"one task": poll_answer([_TASKS["completed"]]), "none of them": poll_answer([])},
        ),
    ),
    refusals=tuple(
        refused(errors.invalid_parameter, task_ids_of, body)
        for body in (b"{}", b'{"task_ids":"x"}', b'{"task_ids":[%s""]}' % (b'"",' * MAX_TASK_IDS))
    ),
)

_CREDITS = {**_AMOUNT, "description": "The same in credits, ten for each unit."}
BALANCE = Documentation(
    tag="balance",
    summary="Tell what a key has left, and what it has spent.",
    description="""
Each key begins with 100 (assumed; `FAKE_APIMART_BALANCE`), and a completed task costs its `cost`
(assumed). Credits are ten times the balance (docs, live). All four paths are one (docs, live).
""",
    answers=(
        Answer(
            200,
            "Amounts and credits (docs, live).",
            record(
                "Balance",
                {
                    "success": {"type": "boolean", "const": True},
                    "remain_balance": {**_AMOUNT, "description": "What is left."},
                    "remain_credits": _CREDITS,
                    "used_balance": {**_AMOUNT, "description": "What completed tasks have cost."},
                    "used_credits": _CREDITS,
                    "unlimited_quota": {"type": "boolean", "const": False},
                },
            ),
            {"some spent": balance_answer(10.5, 2.3)},
        ),
    ),
)

DOCUMENTATION = {
    "tasks.get": GET,
    "tasks.get:page": GET_PAGE,
    "tasks.batch": BATCH,
    "balance.get": BALANCE,
}
