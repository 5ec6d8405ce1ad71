"""Tasks that are told of wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.mutations.model import (
    Mutation,
    at,
    group,
    more,
    on,
    status,
    text,
    whole,
    without,
)

PATH = "/v1/tasks/"
_PAGE = "/v1/images/generations/"
_URL = "http://127.0.0.1:1/f/image/9990000123456-a1b2c3d4-image.png"
_CASES = "tasks.get/"


def mutations() -> Iterator[Mutation]:
    yield from _unfinished()
    yield from _completed()
    yield from _failed()
    yield from _unknown()
    yield from _batches()
    yield from _of_the_page()


def _unfinished() -> Iterator[Mutation]:
    only = (_CASES + "first-poll", _CASES + "from-pending", _CASES + "no-url")
    for name in ("pending", "processing"):
        yield from group(
            name,
            only,
            on("GET", PATH, 200, body=b'"status":"%s"' % name.encode()),
            {
                "code-as-string": at("code", str),
                "data-as-list": at("data", lambda data: [data]),
                "null-result": more("data", "result", None),
                "empty-result": more("data", "result", {"images": []}),
                "with-url": more("data", "url", _URL),
                "with-result": more(
                    "data", "result", {"images": [{"expires_at": 1, "url": [_URL]}]}
                ),
                "url-in-a-text": more("data", "message", f"see {_URL}"),
                "null-completed": more("data", "completed", None),
                "actual-time": more("data", "actual_time", 0),
                "null-error": more("data", "error", None),
                "progress-as-string": at("data.progress", str),
                "progress-with-percent": at("data.progress", lambda old: f"{old}%"),
                "progress-as-float": at("data.progress", float),
                "progress-100": at("data.progress", 100),
                "without-progress": without("data.progress"),
                "status-running": at("data.status", "running"),
                "status-in-progress": at("data.status", "IN_PROGRESS"),
                "status-queued": at("data.status", "queued"),
                "status-completed": at("data.status", "completed"),
                "without-status": without("data.status"),
                "without-cost": without("data.cost"),
                "cost-as-string": at("data.cost", str),
                "cost-tripled": at("data.cost", lambda old: old * 3),
                "cost-0": at("data.cost", 0),
                "without-estimate": without("data.estimated_time"),
                "estimate-as-float": at("data.estimated_time", float),
                "without-created": without("data.created"),
                "created-in-milliseconds": at("data.created", lambda old: old * 1000),
                "created-as-float": at("data.created", float),
                "created-a-minute-ago": at("data.created", lambda old: old - 60),
                "of-another-id": at("data.id", "task_01KT48E134GCG3W870HKHPVMNA"),
                "task-id-for-id": at(
                    "data", lambda data: {**data, "id": None, "task_id": data["id"]}
                ),
                "flat": whole(lambda value: value["data"]),
                "202": status(202, "Accepted"),
            },
        )
    yield from group(
        "progress",
        only,
        on("GET", PATH, 200, body=b'"status":"processing"'),
        {
            "stays": at("data.progress", 50),
            "falls": at("data.progress", lambda old: 100 - old),
            "0": at("data.progress", 0),
            "99": at("data.progress", 99),
        },
    )


def _image(place: str) -> str:
    return f"data.result.images.0.{place}"


def _completed() -> Iterator[Mutation]:
    def moved(by: int) -> Any:
        return lambda seconds: seconds + by

    yield from group(
        "completed",
        (_CASES + "completed", _CASES + "from-pending", _CASES + "file-page", _CASES + "three"),
        on("GET", PATH, 200, body=b'"status":"completed"'),
        {
            "url-as-string": at(_image("url"), lambda urls: urls[0]),
            "url-twice": at(_image("url"), lambda urls: urls * 2),
            "url-empty": at(_image("url"), []),
            "url-of-the-path": at(_image("url.0"), lambda url: url[url.index("/f/") :]),
            "url-of-another-task": at(
                _image("url.0"), lambda url: url.replace("-image_task_0", "-image_task_1")
            ),
            "url-of-another-number": at(_image("url.0"), text_of("_0.png", "_1.png")),
            "url-without-suffix": at(_image("url.0"), text_of(".png", "")),
            "url-without-prefix": at(_image("url.0"), text_of("-image_", "-")),
            "images-as-object": at("data.result.images", lambda images: images[0]),
            "images-empty": at("data.result.images", []),
            "one-image-more": at("data.result.images", lambda images: [*images, images[0]]),
            "image-as-url": at("data.result.images.0", _URL),
            "image-with-size": more("data.result.images.0", "size", "1024x1024"),
            "videos": more("data.result", "videos", []),
            "null-result": at("data.result", None),
            "without-result": without("data.result"),
            "result-url": more("data", "url", _URL),
            "thumbnail": more("data.result", "thumbnail_url", _URL),
            "without-expiry": without(_image("expires_at")),
            "expiry-one-second-later": at(_image("expires_at"), moved(1)),
            "expiry-of-uploads": at(_image("expires_at"), moved(259200 - 86400)),
            "expiry-as-string": at(_image("expires_at"), str),
            "without-actual-time": without("data.actual_time"),
            "actual-time-one-more": at("data.actual_time", moved(1)),
            "actual-time-as-float": at("data.actual_time", float),
            "without-completed": without("data.completed"),
            "completed-in-milliseconds": at("data.completed", lambda old: old * 1000),
            "completed-one-second-later": at("data.completed", moved(1)),
            "credits-equal-cost": at("data", lambda data: {**data, "credits_cost": data["cost"]}),
            "without-credits": without("data.credits_cost"),
            "credits-as-string": at("data.credits_cost", str),
            "cost-tripled": at("data.cost", lambda old: round(old * 3, 6)),
            "both-tripled": at(
                "data",
                lambda data: {
                    **data,
                    "cost": round(data["cost"] * 3, 6),
                    "credits_cost": round(data["credits_cost"] * 3, 6),
                },
            ),
            "progress-99": at("data.progress", 99),
            "progress-as-string": at("data.progress", "100%"),
            "progress-1": at("data.progress", 1.0),
            "status-success": at("data.status", "success"),
            "status-in-capitals": at("data.status", "COMPLETED"),
            "null-error": more("data", "error", None),
            "fail-reason": more("data", "fail_reason", ""),
            "code-as-string": at("code", str),
            "with-message": more("", "message", "success"),
            "with-id": more("", "id", "task_01KT48E134GCG3W870HKHPVMNA"),
            "of-another-id": at("data.id", "task_01KT48E134GCG3W870HKHPVMNA"),
        },
    )
    yield from group(
        "completed-live",
        (_CASES + "file-live",),
        on("GET", PATH, 200, body=b'"status":"completed"'),
        {
            "url-of-13-digits": at(_image("url.0"), shortened),
            "url-of-the-vendor": at(_image("url.0"), _URL),
        },
        dialect="live",
    )


def text_of(old: str, new: str) -> Any:
    return lambda url: url.replace(old, new)


def shortened(url: str) -> str:
    """Take three of the digits in the URL of a file away."""
    before, _, after = url.partition("/f/image/")
    return f"{before}/f/image/{after[3:]}"


def _failed() -> Iterator[Mutation]:
    yield from group(
        "failed",
        (_CASES + "failed", _CASES + "failure"),
        on("GET", PATH, 200, body=b'"status":"failed"'),
        {
            "400": status(400, "Bad Request"),
            "500": status(500, "Internal Server Error"),
            "code-500": at("code", 500),
            "error-as-text": at("data.error", lambda error: error["message"]),
            "null-error": at("data.error", None),
            "without-error": without("data.error"),
            "message-begins-with-http": at("data.error.message", lambda old: f"https://{old}"),
            "without-message": without("data.error.message"),
            "code-as-number": at("data.error.code", 500),
            "of-another-code": at("data.error.code", "upstream_error"),
            "of-another-type": at("data.error.type", "server_error"),
            "without-param": without("data.error.param"),
            "null-param": at("data.error.param", None),
            "status-failure": at("data.status", "FAILURE"),
            "status-error": at("data.status", "error"),
            "cost-of-success": at("data.cost", 0.006),
            "credits-of-success": at("data.credits_cost", 0.06),
            "without-credits": without("data.credits_cost"),
            "progress-0": at("data.progress", 0),
            "null-result": more("data", "result", None),
            "empty-result": more("data", "result", {"images": []}),
            "fail-reason": more("data", "fail_reason", "no"),
            "without-completed": without("data.completed"),
            "without-actual-time": without("data.actual_time"),
            "top-level-error": more("", "error", None),
        },
    )


def _unknown() -> Iterator[Mutation]:
    yield from group(
        "unknown-task",
        (_CASES + "unknown-id", _CASES + "task-of", "every_answer/chinese"),
        on("GET", PATH, 400),
        {
            "404": status(404, "Not Found"),
            "200": status(200, "OK"),
            "code-as-string": at("error.code", str),
            "without-code": without("error.code"),
            "with-param": more("error", "param", ""),
            "of-another-type": at("error.type", "not_found_error"),
            "in-english": text("无效的任务ID", "Invalid task ID"),
            "in-chinese": text("Invalid task ID", "无效的任务ID"),
            "full-stop": at("error.message", lambda old: f"{old}。"),
            "with-blank": text("任务ID", "任务 ID"),
            "in-lower-case": text("task ID", "task id"),
        },
    )


def _batches() -> Iterator[Mutation]:
    yield from group(
        "batch",
        ("tasks.batch/",),
        on("POST", PATH + "batch", 200),
        {
            "reversed": at("data", lambda data: data[::-1]),
            "with-nulls": at("data", lambda data: [*data, None]),
            "one-fewer": at("data", lambda data: data[1:]),
            "as-object": at("data", lambda data: {each["id"]: each for each in data}),
            "in-tasks": at("data", lambda data: {"tasks": data}),
            "code-as-string": at("code", str),
            "with-total": more("", "total", 2),
        },
    )
    yield from group(
        "batch-400",
        ("tasks.batch/",),
        on("POST", PATH + "batch", 400),
        {
            "code-as-string": at("error.code", str),
            "422": status(422, "Unprocessable Entity"),
            "of-another-type": at("error.type", "invalid_request"),
        },
    )


def _of_the_page() -> Iterator[Mutation]:
    only = (_CASES + "page-",)
    yield from group(
        "page-s-poll",
        only,
        on("GET", _PAGE, 200, body=b'"status":"completed"'),
        {
            "url-as-list": at("url", lambda url: [url]),
            "without-url": without("url"),
            "another-url": at("url", _URL),
            "without-id": without("id"),
            "another-id": at("id", "task_01KT48E134GCG3W870HKHPVMNA"),
            "without-status": without("status"),
            "another-status": at("status", "success"),
            "null-fail-reason": more("", "fail_reason", None),
            "without-data": without("data"),
            "without-code": without("code"),
        },
    )
    yield from group(
        "page-s-unfinished",
        only,
        on("GET", _PAGE, 200, body=b'"progress":0'),
        {
            "null-url": more("", "url", None),
            "with-url": more("", "url", _URL),
            "another-status": at("status", "submitted"),
        },
    )
    yield from group(
        "page-s-failed",
        only,
        on("GET", _PAGE, 200, body=b'"status":"failed"'),
        {
            "without-reason": without("fail_reason"),
            "reason-as-object": at("fail_reason", lambda old: {"message": old}),
            "null-url": more("", "url", None),
        },
    )
    yield from group(
        "live-page-s-poll",
        (_CASES + "live-has-none",),
        on("GET", _PAGE, 404),
        {"400": status(400, "Bad Request"), "200": status(200, "OK")},
        dialect="live",
    )
