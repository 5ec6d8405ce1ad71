"""Keys, balances and models that are answered wrongly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.mutations.model import (
    Mutation,
    at,
    body,
    group,
    more,
    more_header,
    on,
    status,
    text,
    whole,
    without,
)

_BALANCE = ("remain_balance", "remain_credits", "used_balance", "used_credits", "unlimited_quota")
_ENTRY = (
    *("id", "object", "created", "owned_by", "supported_endpoint_types", "category"),
    "capability_tags",
)
_SCHEMA = (
    *("object", "model", "operation", "endpoint", "idempotency", "response_contract"),
    *("schema_version", "source", "input_schema"),
)
_DOCS = (
    *("object", "model", "doc_url", "markdown_url", "markdown", "fetched_at"),
    *("cache_ttl_seconds", "stale"),
)


def mutations() -> Iterator[Mutation]:
    yield from _keys()
    yield from _poverty()
    yield from _balances()
    yield from _lists()
    yield from _models()
    yield from _schemas()


def _keys() -> Iterator[Mutation]:
    yield from group(
        "key-401",
        ("keys/no-key", "keys/"),
        on(path="/v1/", status=401),
        {
            "403": status(403, "Forbidden"),
            "200": status(200, "OK"),
            "code-401": at("error.code", 401),
            "null-code": at("error.code", None),
            "without-code": without("error.code"),
            "without-param": without("error.param"),
            "of-another-type": at("error.type", "authentication_error"),
            "one-letter": text("invalid API key", "Invalid API key"),
            "in-chinese": text("invalid API key", "无效的令牌"),
            "with-authenticate": more_header("WWW-Authenticate", "Bearer"),
            "with-success": more("", "success", False),
        },
    )


def _poverty() -> Iterator[Mutation]:
    only = ("keys/little-left", "keys/shape-of-402", "keys/token", "keys/")
    yield from group(
        "poor-402",
        only,
        on(path="/v1/", status=402),
        {
            "403": status(403, "Forbidden"),
            "429": status(429, "Too Many Requests"),
            "five-decimals": body(
                lambda data: re.sub(rb"([0-9]+\.[0-9]{5})[0-9] USD", rb"\1 USD", data)
            ),
            "another-minimum": text("0.050000", "0.500000"),
            "without-minimum": body(lambda data: re.sub(rb", required: [0-9.]+ USD", b"", data)),
            "in-credits": text("USD", "credits"),
            "without-token": body(lambda data: re.sub(rb"\[token_id=[0-9]+\] ", b"", data)),
            "token-of-letters": body(
                lambda data: re.sub(rb"token_id=[0-9]+", b"token_id=a1b2", data)
            ),
            "token-of-all": body(lambda data: re.sub(rb"token_id=[0-9]+", b"token_id=1", data)),
            "token-of-each-answer": _tokens(),
            "of-another-type": at("error.type", "insufficient_quota"),
            "code-402": at("error.code", 402),
            "without-code": without("error.code"),
            "without-param": without("error.param"),
            "without-request-id": body(
                lambda data: re.sub(rb" \(request id: [0-9A-Za-z]+\)", b"", data)
            ),
            "with-retry-after": more_header("Retry-After", "60"),
        },
    )


def _tokens() -> Any:
    count = 0

    def next_one(data: bytes) -> bytes:
        nonlocal count
        count += 1
        return re.sub(rb"token_id=[0-9]+", b"token_id=%d" % (90701 + count), data)

    return body(next_one)


def _balances() -> Iterator[Mutation]:
    yield from group(
        "balance",
        ("balance.get/fields", "balance.get/amounts", "balance.get/new-key", "balance.get/"),
        lambda asked, reply: asked.path.endswith("/balance") and reply.status == 200,
        {f"without-{name.replace('_', '-')}": without(name) for name in (*_BALANCE, "success")}
        | {f"{name.replace('_', '-')}-as-string": at(name, str) for name in _BALANCE}
        | {
            "credits-equal-balance": whole(
                lambda value: {**value, "remain_credits": value["remain_balance"]}
            ),
            "used-credits-tripled": at("used_credits", lambda old: round(old * 3, 6)),
            "left-one-less": at("remain_balance", lambda old: old - 1),
            "all-one-less": whole(
                lambda value: {
                    **value,
                    "remain_balance": value["remain_balance"] - 1,
                    "remain_credits": value["remain_credits"] - 10,
                }
            ),
            "unlimited": at("unlimited_quota", True),
            "null-quota": at("unlimited_quota", None),
            "quota-0": at("unlimited_quota", 0),
            "success-1": at("success", 1),
            "in-data": whole(lambda value: {"success": True, "data": value}),
            "with-currency": more("", "currency", "USD"),
            "with-message": more("", "message", ""),
            "points": body(lambda data: re.sub(rb'_balance":([0-9]+),', rb'_balance":\1.0,', data)),
            "noise": body(lambda data: data.replace(b"0.3,", b"0.30000000000000004,")),
        },
    )


def _lists() -> Iterator[Mutation]:
    yield from group(
        "models",
        ("models.list/",),
        on("GET", "/v1/models", 200, body=b'"object":"list"'),
        {f"without-{name.replace('_', '-')}": without(f"data.0.{name}") for name in _ENTRY}
        | {
            "created-now": at("data.0.created", 1789727286),
            "created-as-string": at("data.0.created", str),
            "created-as-float": at("data.0.created", float),
            "owned-by-openai": at("data.0.owned_by", "openai"),
            "object-engine": at("data.0.object", "engine"),
            "types-as-string": at("data.0.supported_endpoint_types", "openai"),
            "tags-as-string": at("data.0.capability_tags", "Text to Image"),
            "tags-empty": at("data.0.capability_tags", []),
            "with-permission": more("data.0", "permission", []),
            "with-parameters": more("data.0", "parameters", None),
            "data-as-object": at("data", lambda data: {each["id"]: each for each in data}),
            "data-empty": at("data", []),
            "without-object": without("object"),
            "another-object": at("object", "models"),
            "without-success": without("success"),
            "success-as-string": at("success", "true"),
            "with-total": more("", "total", 1),
            "without-gpt-image-2": at(
                "data", lambda data: [each for each in data if each["id"] != "gpt-image-2"]
            ),
            "of-another-category": at(
                "data", lambda data: [{**each, "category": "images"} for each in data]
            ),
        },
    )


def _models() -> Iterator[Mutation]:
    yield from group(
        "model",
        ("models.get/entry",),
        on("GET", "/v1/models/", 200, body=b'"owned_by"'),
        {f"without-{name.replace('_', '-')}": without(name) for name in _ENTRY}
        | {
            "with-success": more("", "success", True),
            "in-data": whole(lambda value: {"data": value}),
            "created-now": at("created", 1789727286),
        },
    )
    yield from group(
        "unknown-model",
        ("models.get/unknown",),
        on("GET", "/v1/models/", 200, body=b"does not exist"),
        {
            "404": status(404, "Not Found"),
            "null-param": at("error.param", None),
            "of-another-code": at("error.code", "not_found"),
            "double-quotes": at("error.message", lambda old: old.replace("'", '"')),
            "without-type": without("error.type"),
        },
    )


def _schemas() -> Iterator[Mutation]:
    schema = on("GET", "/v1/model", 200, body=b'"model.input_schema"')
    yield from group(
        "schema",
        ("models.schema/",),
        schema,
        {f"without-{name.replace('_', '-')}": without(name) for name in _SCHEMA}
        | {
            "another-object": at("object", "model.schema"),
            "another-method": at("endpoint.method", "post"),
            "another-path": at("endpoint.path", "/v1/images"),
            "retention-as-string": at("idempotency.retention_seconds", str),
            "retention-of-an-hour": at("idempotency.retention_seconds", 3600),
            "key-required": at("idempotency.required", True),
            "without-scope": without("idempotency.scope"),
            "without-replay-header": without("idempotency.replay_header"),
            "another-contract": at("response_contract.version", "2026-07-28"),
            "another-version": at("schema_version", "2026-07-31"),
            "another-source": at("source", "fake"),
            "another-operation": at("operation", "video_generation"),
            "closed-schema": at("input_schema.additionalProperties", False),
            "nothing-required": at("input_schema.required", []),
            "without-one-property": at(
                "input_schema.properties", lambda all_: dict(list(all_.items())[1:])
            ),
            "maximum-of-n": more("input_schema.properties.n", "maximum", 10),
            "n-from-0": at("input_schema.properties.n.minimum", 0),
            "with-parameters": more("", "parameters", []),
        },
    )
    yield from group(
        "documentation",
        ("models.docs/",),
        on("GET", "/v1/model-docs", 200),
        {f"without-{name.replace('_', '-')}": without(name) for name in _DOCS}
        | {
            "stale": at("stale", True),
            "fetched-an-hour-ago": at("fetched_at", lambda old: old - 3600),
            "ttl-of-a-day": at("cache_ttl_seconds", 86400),
            "another-object": at("object", "model.docs"),
            "empty-markdown": at("markdown", ""),
        },
    )
    yield from group(
        "model-required",
        ("models.schema/no-model", "models.docs/no-model"),
        on("GET", "/v1/model-", 400),
        {
            "404": status(404, "Not Found"),
            "code-as-string": at("error.code", str),
            "one-letter": text("model is", "Model is"),
        },
    )
