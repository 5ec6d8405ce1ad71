"""Errors, redirects and CORS of all routes that are wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.mutating_proxy import Asked, Reply
from tests.mutations.model import (
    Mutation,
    at,
    body,
    group,
    header,
    more_header,
    on,
    status,
    text,
    whole,
    without,
    without_header,
)

_RID = "x-oneapi-request-id"
_PARTS = re.compile("(20[0-9]{12})([0-9]{1,9})([0-9A-Za-z]{8})")
_API = "application/json"


def mutations() -> Iterator[Mutation]:
    yield from _not_found()
    yield from _redirects()
    yield from _origins()
    yield from _statuses()


def _not_found() -> Iterator[Mutation]:
    yield from group(
        "unknown-path",
        ("every_answer/unknown", "every_answer/wrong", "every_answer/path", "every_answer/"),
        on(path="/v1/", status=404, body=b"Invalid URL"),
        {
            "405": status(405, "Method Not Allowed"),
            "401": status(401, "Unauthorized"),
            "200": status(200, "OK"),
            "301": status(301, "Moved Permanently"),
            "allow": more_header("Allow", "POST"),
            "without-param": without("error.param"),
            "without-code": without("error.code"),
            "null-code": at("error.code", None),
            "number-as-code": at("error.code", 404),
            "null-param": at("error.param", None),
            "of-another-type": at("error.type", "not_found_error"),
            "with-request-id": at("error.message", lambda old: f"{old} (request id: 20260919)"),
            "without-path": at("error.message", "Invalid URL"),
            "path-alone": at("error.message", lambda old: re.sub(r"\([A-Z]+ ", "(", old)),
            "method-in-lower-case": at(
                "error.message", lambda old: re.sub(r"\([A-Z]+", lambda m: m[0].lower(), old)
            ),
            "in-lower-case": at("error.message", lambda old: old.replace("URL", "url")),
            "with-query": _with_query,
            "detail": whole(lambda _: {"detail": "Not Found"}),
        },
    )


def _with_query(asked: Asked, reply: Reply) -> bool:
    _, mark, query = asked.path.partition("?")
    return bool(mark) and at("error.message", lambda old: f"{old[:-1]}?{query})")(asked, reply)


def _redirects() -> Iterator[Mutation]:
    only = ("every_answer/slash", "every_answer/wire-")
    yield from group(
        "slash",
        only,
        on(status=301),
        {
            "302": status(302, "Found"),
            "307": status(307, "Temporary Redirect"),
            "308": status(308, "Permanent Redirect"),
            "404": status(404, "Not Found"),
            "empty": body(lambda _: b""),
            "one-newline": body(lambda data: data.rstrip() + b"\n"),
            "without-full-stop": body(lambda data: data.replace(b"</a>.", b"</a>")),
            "single-quotes": body(lambda data: data.replace(b'"', b"'")),
            "unescaped": body(lambda data: data.replace(b"&amp;", b"&")),
            "json": header("content-type", "application/json; charset=utf-8"),
            "request-id": more_header("X-Oneapi-Request-Id", "20260919182056471923385yBRUUrTx"),
            "cors": more_header("Access-Control-Allow-Origin", "*"),
            "absolute": header("location", lambda old: f"http://127.0.0.1{old}"),
            "without-location": without_header("location"),
            "with-slash": header("location", lambda old: f"{old}/"),
            "without-query": header("location", lambda old: old.partition("?")[0]),
        },
    )
    yield from group(
        "slash-behind-post",
        only,
        on(status=307),
        {
            "308": status(308, "Permanent Redirect"),
            "301": status(301, "Moved Permanently"),
            "body": body(lambda _: b"Temporary Redirect\n"),
            "without-query": header("location", lambda old: old.partition("?")[0]),
        },
    )


def _origins() -> Iterator[Mutation]:
    yield from group(
        "preflight",
        ("every_answer/preflight", "every_answer/wire-"),
        on("OPTIONS", status=204),
        {
            "200": status(200, "OK"),
            "without-max-age": without_header("access-control-max-age"),
            "max-age-600": header("access-control-max-age", "600"),
            "without-origin": without_header("access-control-allow-origin"),
            "origin-echoed": header("access-control-allow-origin", "https://app.example"),
            "without-credentials": without_header("access-control-allow-credentials"),
            "without-methods": without_header("access-control-allow-methods"),
            "fewer-methods": header("access-control-allow-methods", "GET,POST,OPTIONS"),
            "methods-with-blanks": header(
                "access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS"
            ),
            "without-headers": without_header("access-control-allow-headers"),
            "any-headers": header("access-control-allow-headers", "*"),
            "vary": more_header("Vary", "Origin"),
            "request-id-missing": without_header(_RID),
        },
    )
    yield from group(
        "cors",
        ("every_answer/foreign", "every_answer/wire-", "every_answer/"),
        lambda _, reply: reply.header("access-control-allow-origin") == "*",
        {
            "missing": without_header("access-control-allow-origin"),
            "null": header("access-control-allow-origin", "null"),
            "no-credentials": header("access-control-allow-credentials", "false"),
            "without-credentials": without_header("access-control-allow-credentials"),
            "exposed": more_header("Access-Control-Expose-Headers", "*"),
        },
    )


def _statuses() -> Iterator[Mutation]:
    """Yield what is wrong with the documented table of errors."""
    for code, only in (
        (403, "every_answer/forbidden"),
        (500, "every_answer/internal-error"),
        (502, "every_answer/bad-gateway"),
        (503, "every_answer/service-unavailable"),
    ):
        yield from group(
            f"status-{code}",
            (only,),
            on(status=code, of=_API),
            {
                "code-as-string": at("error.code", str),
                "without-code": without("error.code"),
                "of-another-type": at("error.type", "error"),
                "one-letter": at("error.message", lambda old: f"{old}!"),
                "another-status": status(599, "Unknown"),
            },
        )
    yield from group(
        "channel",
        (
            "every_answer/no-channel",
            "every_answer/channel-failed",
            "generations.create/versioned-5",
        ),
        on(path="/v1/", body=b"hannel"),
        {
            "code-as-number": at("error.code", 503),
            "of-another-type": at("error.type", "new_api_error"),
            "another-group": text("under group default", "under group vip"),
            "429": status(429, "Too Many Requests"),
        },
    )
