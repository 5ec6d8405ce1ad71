"""Changes that are none: no case may notice them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.mutating_proxy import Asked, Change, Reply


def _headers(edit: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> Change:
    def change(_: Asked, reply: Reply) -> bool:
        old, reply.headers = reply.headers, edit(reply.headers)
        return old != reply.headers

    return change


def _json(write: Callable[[Any], str]) -> Change:
    """Write the JSON of the API in another way."""

    def change(_: Asked, reply: Reply) -> bool:
        if not (reply.header("content-type") or "").startswith("application/json"):
            return False
        if reply.is_head_only or not reply.body:
            return False
        old, reply.body = reply.body, write(json.loads(reply.body)).encode()
        return old != reply.body

    return change


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(value[name]) for name in reversed(value)}
    return [_reversed(each) for each in value] if isinstance(value, list) else value


def _chunked(_: Asked, reply: Reply) -> bool:
    if reply.is_head_only or reply.version != "HTTP/1.1" or reply.header("content-length") is None:
        return False
    reply.drop("content-length")
    reply.headers.append(("Transfer-Encoding", "chunked"))
    reply.is_chunked = True
    return True


def _preceded(_: Asked, reply: Reply) -> bool:
    reply.interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    return True


OF_BYTES: Mapping[str, Change] = {
    "members-reversed": _json(lambda value: json.dumps(_reversed(value), ensure_ascii=False)),
    "white-space": _json(lambda value: json.dumps(value, indent=1, ensure_ascii=False)),
    "escapes": _json(json.dumps),
}
"""What changes bytes that matter where a case states them all."""

OF_LENGTHS: Mapping[str, Change] = {"chunked": _chunked}
"""What changes lengths, which matter where a case states them."""

OF_HEADS: Mapping[str, Change] = {
    "names-in-capitals": _headers(lambda old: [(name.upper(), value) for name, value in old]),
    "names-in-title-case": _headers(lambda old: [(name.title(), value) for name, value in old]),
    "headers-reversed": _headers(lambda old: old[::-1]),
    "blanks-around-values": _headers(lambda old: [(name, f" {value}  ") for name, value in old]),
    "preceded-by-hints": _preceded,
}

HARMLESS: Mapping[str, Change] = {**OF_BYTES, **OF_LENGTHS, **OF_HEADS}
