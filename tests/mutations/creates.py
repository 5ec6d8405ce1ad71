"""Tasks that are created wrongly, and requests for them that are refused wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.mutating_proxy import Asked, Change, Reply
from tests.mutations.model import (
    Mutation,
    at,
    group,
    header,
    more,
    more_header,
    on,
    status,
    text,
    whole,
    without,
    without_header,
)

PATH = "/v1/images/generations"
_VERSION = "x-apimart-response-version"
_CASES = "generations.create/"


def mutations() -> Iterator[Mutation]:
    yield from _classic()
    yield from _versioned()
    yield from _repeated()
    yield from _errors()


def _of_both(change: Any) -> Change:
    """Change the id of a task wherever a classic answer has it."""

    def both(asked: Asked, reply: Reply) -> bool:
        has_changed = at("data.0.task_id", change)(asked, reply)
        return at("id", change)(asked, reply) or has_changed

    return both


def _classic() -> Iterator[Mutation]:
    created = on("POST", PATH, 200)
    url = "http://127.0.0.1/v1/tasks/task_01KT48E134GCG3W870HKHPVMNA"
    yield from group(
        "created",
        (_CASES + "classic", _CASES + "id-", _CASES),
        created,
        {
            "201": status(201, "Created"),
            "202": status(202, "Accepted"),
            "code-as-string": at("code", str),
            "code-0": at("code", 0),
            "code-202": at("code", 202),
            "without-code": without("code"),
            "data-as-object": at("data", lambda data: data[0]),
            "data-twice": at("data", lambda data: data * 2),
            "data-empty": at("data", []),
            "without-status": without("data.0.status"),
            "status-pending": at("data.0.status", "pending"),
            "status-in-capitals": at("data.0.status", "SUBMITTED"),
            "without-task-id": without("data.0.task_id"),
            "id-for-task-id": at(
                "data", lambda data: [{"status": "submitted", "id": data[0]["task_id"]}]
            ),
            "id-in-lower-case": _of_both(lambda old: old.lower()),
            "id-without-prefix": _of_both(lambda old: old.removeprefix("task_")),
            "id-with-hyphen": _of_both(lambda old: old.replace("_", "-")),
            "id-with-an-i": _of_both(lambda old: f"{old[:-1]}I"),
            "id-of-25": _of_both(lambda old: old[:-1]),
            "id-of-27": _of_both(lambda old: f"{old}0"),
            "id-uuid": _of_both("task_0b6a1f6e-3c1f-4b7e-9d2a-5f0e8c7b6a59"),
            "id-of-another-time": _of_both(lambda old: f"task_01KT48E134{old[15:]}"),
            "id-always-the-same": _of_both(lambda _: "task_01KT48E134GCG3W870HKHPVMNA"),
            "with-url": more("data.0", "url", url),
            "with-poll-url": more("data.0", "poll_url", url),
            "with-message": more("", "message", "success"),
            "with-null-error": more("", "error", None),
            "with-model": more("data.0", "model", "gpt-image-2"),
            "version-said": more_header("X-APIMart-Response-Version", "2026-07-27"),
            "replay-said": more_header("Idempotency-Replayed", "false"),
        },
    )
    yield from group(
        "created-of-the-page",
        (_CASES + "classic-page", _CASES + "classic"),
        created,
        {
            "without-id": without("id"),
            "id-of-another-task": at("id", "task_01KT48E134GCG3W870HKHPVMNA"),
            "null-id": at("id", None),
            "with-status": more("", "status", "submitted"),
        },
    )
    yield from group(
        "created-live",
        (_CASES + "classic-live",),
        created,
        {
            "with-id": more("", "id", "task_01KT48E134GCG3W870HKHPVMNA"),
            "status-pending": at("data.0.status", "pending"),
        },
        dialect="live",
    )


def _versioned() -> Iterator[Mutation]:
    yield from group(
        "versioned",
        (_CASES + "versioned",),
        on("POST", PATH, 202),
        {
            "200": status(200, "OK"),
            "201": status(201, "Created"),
            "code-200": at("code", 200),
            "code-as-string": at("code", str),
            "data-as-list": at("data", lambda data: [data]),
            "without-data-id": without("data.id"),
            "without-task-id": without("data.task_id"),
            "ids-differ": at("data.id", "task_01KT48E134GCG3W870HKHPVMNA"),
            "without-object": without("data.object"),
            "another-object": at("data.object", "task"),
            "status-pending": at("data.status", "pending"),
            "without-poll-url": without("data.poll_url"),
            "poll-path": at("data.poll_url", lambda url: url[url.index("/v1") :]),
            "poll-url-of-the-page": at(
                "data.poll_url", lambda url: url.replace("/tasks/", "/images/generations/")
            ),
            "poll-url-of-another-host": at(
                "data.poll_url", lambda url: url.replace("127.0.0.1", "localhost")
            ),
            "without-request-id": without("request_id"),
            "request-id-without-prefix": at("request_id", lambda old: old.removeprefix("req_")),
            "another-request-id": at("request_id", "req_20260919182056471923385yBRUUrTx"),
            "with-top-level-id": more("", "id", "task_01KT48E134GCG3W870HKHPVMNA"),
            "with-url": more("data", "url", "http://127.0.0.1/f/image/a.png"),
            "version-not-echoed": without_header(_VERSION),
            "another-version": header(_VERSION, "2026-07-28"),
        },
    )
    yield from group(
        "versioned-error",
        (_CASES + "versioned-",),
        lambda asked, reply: (
            asked.path.startswith(PATH)
            and reply.status >= 400
            and reply.header(_VERSION) is not None
        ),
        {
            "code-as-number": at("error.code", lambda old: int(old) if old.isdecimal() else 0),
            "without-param": without("error.param"),
            "null-param": at("error.param", None),
            "without-request-id": without("request_id"),
            "request-id-in-error": more("error", "request_id", "req_1"),
            "another-request-id": at("request_id", "req_20260919182056471923385yBRUUrTx"),
            "with-code": more("", "code", 400),
            "classic": whole(lambda value: {"error": value["error"]}),
            "version-not-echoed": without_header(_VERSION),
            "with-null-data": more("", "data", None),
        },
    )


def _repeated() -> Iterator[Mutation]:
    replayed = "idempotency-replayed"
    yield from group(
        "replayed",
        (_CASES + "same-key", _CASES + "replay", _CASES + "for-24"),
        lambda _, reply: reply.header(replayed) is not None,
        {
            "not-said": without_header(replayed),
            "1": header(replayed, "1"),
            "in-capitals": header(replayed, "True"),
            "false": header(replayed, "false"),
            "another-task": _of_both("task_01KT48E134GCG3W870HKHPVMNA"),
            "409": status(409, "Conflict"),
        },
    )
    yield from group(
        "reused",
        (_CASES + "another-body", _CASES + "409", _CASES + "same-value"),
        on("POST", PATH, 409),
        {
            "400": status(400, "Bad Request"),
            "422": status(422, "Unprocessable Entity"),
            "reason-in-capitals": status(409, "CONFLICT"),
            "code-as-number": at("error.code", 409),
            "of-another-code": at("error.code", "idempotency_conflict"),
            "without-param": without("error.param"),
            "of-another-type": at("error.type", "conflict_error"),
            "one-letter": text("Idempotency-Key", "Idempotency-key"),
            "replayed-said": more_header("Idempotency-Replayed", "true"),
        },
    )


def _errors() -> Iterator[Mutation]:
    yield from group(
        "create-400",
        (_CASES + "no-prompt", _CASES + "1", _CASES + "malformed", _CASES),
        on("POST", PATH, 400, of="application/json"),
        {
            "422": status(422, "Unprocessable Entity"),
            "500": status(500, "Internal Server Error"),
            "code-as-string": at("error.code", str),
            "without-code": without("error.code"),
            "with-param": more("error", "param", ""),
            "of-another-type": at("error.type", "invalid_request"),
            "one-letter": at("error.message", lambda old: old[:1].swapcase() + old[1:]),
            "another-language": text("prompt is required", "提示词不能为空"),
            "full-stop": at("error.message", lambda old: f"{old}."),
            "one-picture-fewer": text("exceeds max 15", "exceeds max 14"),
            "limit-of-other-models": text("exceeds max 15", "exceeds max 16"),
            "python-s-json-error": text(
                "unexpected end of JSON input", "Expecting value: line 1 column 1 (char 0)"
            ),
            "as-detail": whole(lambda value: {"detail": [{"msg": value["error"]["message"]}]}),
            "versioned": more("", "request_id", "req_1"),
            "version-said": more_header("X-APIMart-Response-Version", "2026-07-27"),
        },
    )
    yield from group(
        "create-500",
        (_CASES + "size-of", _CASES + "moderation"),
        on("POST", PATH, 500),
        {
            "400": status(400, "Bad Request"),
            "code-as-string": at("error.code", str),
            "of-another-type": at("error.type", "invalid_request_error"),
            "one-size-fewer": text(" / 9:21", ""),
            "by-commas": text(" / ", ", "),
            "without-prefix": text("build_request_failed: ", ""),
        },
    )
    yield from group(
        "create-429",
        ("keys/retry-after", _CASES + "versioned-429"),
        on("POST", PATH, 429),
        {
            "code-as-string": at("error.code", str),
            "without-code": without("error.code"),
            "of-another-type": at("error.type", "rate_limit_exceeded"),
            "without-retry-after": without_header("retry-after"),
            "retry-after-one-less": header("retry-after", lambda old: str(int(old) - 1)),
        },
    )
    yield from group(
        "model-not-found",
        (_CASES + "busy-model", _CASES + "versioned-503", "every_answer/no-channel"),
        on("POST", PATH, 503),
        {
            "404": status(404, "Not Found"),
            "code-as-number": at("error.code", 503),
            "of-another-code": at("error.code", "model_unavailable"),
            "without-request-id": at("error.message", lambda old: old.partition(" (request id")[0]),
            "another-group": text("under group default", "under group vip"),
        },
    )
