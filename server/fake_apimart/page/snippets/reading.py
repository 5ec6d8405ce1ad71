"""From an entry of the journal to the call that it tells of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from fake_apimart.common.redaction import REDACTED
from fake_apimart.contract.api_key import QUERY, is_read_in_query
from fake_apimart.contract.operations import BY_NAME, FILE
from fake_apimart.page.snippets.body import body_of
from fake_apimart.page.snippets.call import (
    BOUNDARY,
    Body,
    Call,
    JSONBody,
    Picture,
    TextBody,
    Values,
)
from fake_apimart.page.snippets.form import form_of, path_of
from fake_apimart.page.snippets.notation import JSON, in_one_line

BEARER = "Bearer "

_OF_THE_TRANSPORT = frozenset(
    (
        *("host", "connection", "keep-alive", "proxy-connection", "upgrade", "http2-settings"),
        *("content-length", "transfer-encoding", "te", "trailer", "expect", "content-encoding"),
        *("user-agent", "accept", "accept-encoding", "accept-language", "accept-charset"),
        *("authorization", "proxy-authorization", "cookie", "origin", "referer", "dnt", "date"),
        *("cache-control", "pragma", "priority", "forwarded", "via", "x-real-ip", "x-request-id"),
        *("traceparent", "tracestate", "baggage", "upgrade-insecure-requests", "save-data"),
        # Who copies the code has a world of their own, which is not called so.
        "x-fake-label",
    )
)
_PREFIXES_OF_THE_TRANSPORT = ("sec-", "x-forwarded-", "x-stainless-")
_SPELLED = {
    "x-apimart-response-version": "X-APIMart-Response-Version",
    "if-none-match": "If-None-Match",
}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SAFE_IN_PATH = "/:@!$&'()*+,;=~"
_SAFE_IN_QUERY = _SAFE_IN_PATH + "?%[]{}|^`"
_IN_A_FORM_OF_THEIR_OWN = re.compile(r"/\.{1,2}(?:/|$)|//|%(?![0-9A-Fa-f]{2})|[\[\]{}|^`']")

_STARS_NOTE = f"Stars ({REDACTED}) stand for secrets, which the journal does not have."
_BARE_NOTE = "The header Authorization did not begin with `Bearer `."
_KEY_NOTE = "The key stood in the query, as `key`."
_URL_NOTE = "This URL is sent as it was by curl alone: other clients change it."
_IDEMPOTENCY_NOTE = "Idempotency-Key: a new task needs another one, and so does another body."
_SUCCESSES = (200, 206)


def call_of(entry: Mapping[str, Any]) -> Call:
    """Return the call that an entry in the control API's form tells of."""
    is_upload = entry["operation"] == "uploads.create"
    content = form_of(entry) if is_upload else body_of(entry)
    authorization, query, notes = _authorization_and_query(entry)
    sent = entry["path"] if entry["path"].startswith("/") else f"/{entry['path']}"
    path = quote(sent, safe=_SAFE_IN_PATH, errors="replace")
    target = f"{path}?{query}" if query else path
    headers, left_out = _headers_of(entry["headers"], content.body)
    if left_out:
        notes.append(f"Left out, since the journal does not have them: {', '.join(left_out)}")
    if any(name == "Idempotency-Key" for name, _ in headers):
        notes.append(_IDEMPOTENCY_NOTE)
    if _IN_A_FORM_OF_THEIR_OWN.search(target):
        notes.append(_URL_NOTE)
    call = Call(
        entry["method"] if _TOKEN.fullmatch(entry["method"]) else "GET",
        target,
        authorization,
        headers,
        content.body,
        [*content.notes, *notes],
        _output_of(entry),
        content.is_whole,
    )
    return replace(call, notes=[*call.notes, _STARS_NOTE]) if _has_stars(call) else call


def _authorization_and_query(entry: Mapping[str, Any]) -> tuple[str | None, str, list[str]]:
    """Return what stands before the key, the query, and what is to be said of both."""
    query = quote(entry.get("query", ""), safe=_SAFE_IN_QUERY, errors="replace")
    sent = entry["headers"].get("authorization")
    if _is_of_a_file(entry):
        return None, query, []
    if sent is not None:
        is_bearer = sent.startswith(BEARER)
        return (BEARER, query, []) if is_bearer else ("", query, [_BARE_NOTE])
    hidden = f"{QUERY}={REDACTED}"
    pairs = query.split("&")
    if is_read_in_query(entry["path"]) and hidden in pairs:
        return BEARER, "&".join(each for each in pairs if each != hidden), [_KEY_NOTE]
    return None, query, []


def _is_of_a_file(entry: Mapping[str, Any]) -> bool:
    operation = BY_NAME.get(entry["operation"] or "")
    return operation is not None and operation.world == FILE


def _headers_of(
    headers: Mapping[str, str], body: Body | None
) -> tuple[Sequence[tuple[str, str]], Sequence[str]]:
    """Return the headers that are worth sending, and the names of those that cannot be."""
    kept, left_out = [], []
    for name, value in _worth_sending(headers):
        is_form_type = name == "content-type" and isinstance(body, Picture | Values)
        if not _TOKEN.fullmatch(name) or is_form_type:
            continue
        if REDACTED in value or not _is_sendable(value):
            left_out.append(name)
        else:
            kept.append((_spelled(name), value))
    if isinstance(body, Picture) and body.filename is None:
        kept.append(("Content-Type", f"multipart/form-data; boundary={BOUNDARY}"))
    return kept, left_out


def _worth_sending(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        lower = name.lower()
        if lower not in _OF_THE_TRANSPORT and not lower.startswith(_PREFIXES_OF_THE_TRANSPORT):
            yield lower, value


def _is_sendable(value: str) -> bool:
    """Return whether text of one character for each byte is UTF-8 that prints."""
    try:
        return value.encode("latin-1").decode().isprintable()
    except UnicodeError:
        return False


def _spelled(name: str) -> str:
    return _SPELLED.get(name) or "-".join(map(str.capitalize, name.split("-")))


def _output_of(entry: Mapping[str, Any]) -> str | None:
    is_file = _is_of_a_file(entry) and entry["status"] in _SUCCESSES
    return path_of(entry["path"]) if is_file and entry["method"] != "HEAD" else None


def _has_stars(call: Call) -> bool:
    """Return whether a call would send stars in place of a secret."""
    body, sent = call.body, call.target
    if isinstance(body, JSONBody):
        sent += in_one_line(body.value, JSON)
    if isinstance(body, TextBody):
        sent += body.text
    if isinstance(body, Picture):
        sent += body.filename or ""
    return REDACTED in sent
