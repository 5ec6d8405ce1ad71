"""What can be wrong with any answer: its head, its request id, its JSON."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from tests.mutating_proxy import Asked, Change, Reply
from tests.mutations.model import (
    Mutation,
    body,
    group,
    header,
    more,
    more_header,
    on,
    status,
    text,
    whole,
    without_header,
)

_RID = "x-oneapi-request-id"
_PARTS = re.compile("(20[0-9]{12})([0-9]{1,9})([0-9A-Za-z]{8})")
_API = "application/json"


def mutations() -> Iterator[Mutation]:
    yield from _heads()
    yield from _request_ids()
    yield from _bodies()


def _heads() -> Iterator[Mutation]:
    only = ("every_answer/",)
    yield from group(
        "head",
        only,
        on(path="/v1/", of=_API),
        {
            "reason-in-upper-case": _reason(str.upper),
            "no-reason": _reason(lambda _: ""),
            "type-without-charset": header("content-type", "application/json"),
            "type-with-charset-in-upper-case": header(
                "content-type", "application/json; charset=UTF-8"
            ),
            "text-html": header("content-type", "text/html; charset=utf-8"),
            "without-type": without_header("content-type"),
            "type-twice": more_header("Content-Type", "application/json; charset=utf-8"),
            "without-date": without_header("date"),
            "date-twice": more_header("Date", "Sat, 19 Sep 2026 10:20:56 GMT"),
            "date-an-hour-ago": header("date", _later(timedelta(hours=-1))),
            "date-of-tomorrow": header("date", _later(timedelta(days=1))),
            "date-in-utc": header("date", lambda old: old.replace("GMT", "UTC")),
            "date-of-another-day": header("date", _another_day),
            "date-in-iso": header("date", "2026-09-19T10:20:56Z"),
            "server": more_header("Server", "uvicorn"),
            "powered": more_header("X-Powered-By", "FastAPI"),
            "cookie": more_header("Set-Cookie", "id=1"),
            "vary": more_header("Vary", "Origin"),
            "no-store": more_header("Cache-Control", "no-store"),
            "process-time": more_header("X-Process-Time", "0.01"),
            "cors-unasked": more_header("Access-Control-Allow-Origin", "*"),
            "location": more_header("Location", "/v1/models"),
        },
    )


def _reason(edit: Callable[[str], str]) -> Change:
    def change(_: Asked, reply: Reply) -> bool:
        old, reply.reason = reply.reason, edit(reply.reason)
        return old != reply.reason

    return change


def _later(by: timedelta) -> Callable[[str], str]:
    return lambda date: format_datetime(parsedate_to_datetime(date) + by, usegmt=True)


def _another_day(date: str) -> str:
    return ("Sun" if date.startswith("Mon") else "Mon") + date[3:]


def _id_of(edit: Callable[[str, str, str], str]) -> Change:
    """Change the request id in the header and wherever the body repeats it."""

    def change(_: Asked, reply: Reply) -> bool:
        old = reply.header(_RID) or ""
        found = _PARTS.fullmatch(old)
        if found is None:
            return False
        new = edit(found[1], found[2], found[3])
        reply.set(_RID, new)
        reply.body = reply.body.replace(old.encode(), new.encode())
        return new != old

    return change


def _hours(stamp: str, hours: int) -> str:
    moved = datetime.strptime(stamp, "%Y%m%d%H%M%S") + timedelta(hours=hours)  # noqa: DTZ007
    return f"{moved:%Y%m%d%H%M%S}"


def _request_ids() -> Iterator[Mutation]:
    kept = "a1B2c3D4"
    yield from group(
        "request-id",
        ("every_answer/request-id", "every_answer/", "keys/"),
        on(path="/v1/", of=_API),
        {
            "none": without_header(_RID),
            "by-another-name": _renamed,
            "twice": more_header("X-Oneapi-Request-Id", "202609191820564719233851234567"),
            "in-utc": _id_of(lambda stamp, nanos, rest: _hours(stamp, -8) + nanos + rest),
            "in-utc-9": _id_of(lambda stamp, nanos, rest: _hours(stamp, 1) + nanos + rest),
            "of-a-fixed-day": _id_of(lambda _, nanos, rest: f"20260919182056{nanos}{rest}"),
            "padded": _id_of(lambda stamp, nanos, rest: f"{stamp}0{nanos[1:]}{rest}"),
            "of-10-digits": _id_of(lambda stamp, _, rest: f"{stamp}1234567890{rest}"),
            "7-characters": _id_of(lambda stamp, _, rest: f"{stamp}-{rest}"),
            "with-hyphen": _id_of(lambda stamp, nanos, rest: f"{stamp}{nanos}-{rest[1:]}"),
            "always-the-same": _id_of(lambda *_: f"20260919182056471923385{kept}"),
            "prefixed": _id_of(lambda *parts: "req_" + "".join(parts)),
            "uuid": _id_of(lambda *_: "0b6a1f6e-3c1f-4b7e-9d2a-5f0e8c7b6a59"),
        },
    )
    yield from group(
        "request-id",
        ("keys/no-key", "keys/empty-key", "every_answer/wire-key", "every_answer/"),
        on(path="/v1/", body=b"(request id: "),
        {
            "another-than-the-header-s": header(_RID, lambda old: old[:-8] + secrets.token_hex(4)),
            "missing-in-the-message": body(
                lambda data: re.sub(rb" \(request id: [0-9A-Za-z]+\)", b"", data)
            ),
            "in-capitals": text("(request id", "(Request id"),
        },
    )


def _renamed(_: Asked, reply: Reply) -> bool:
    value = reply.header(_RID)
    reply.drop(_RID)
    reply.headers.append(("X-Request-Id", value or ""))
    return value is not None


def _bodies() -> Iterator[Mutation]:
    yield from group(
        "json",
        ("every_answer/", "uploads.create/png", "models", "balance"),
        on(path="/v1/", of=_API),
        {
            "one-byte-cut": body(lambda data: data[:-1]),
            "name-twice": body(lambda data: re.sub(rb'^\{("[a-z_]+":)', rb"{\1null,\1", data)),
            "bom": body(lambda data: b"\xef\xbb\xbf" + data),
            "newline": body(lambda data: data + b"\n"),
            "two-values": body(lambda data: data + data),
            "nan": body(lambda data: re.sub(rb":[0-9.]+", b":NaN", data, count=1)),
            "single-quotes": body(lambda data: data.replace(b'"', b"'")),
            "empty": body(lambda _: b""),
            "null": body(lambda _: b"null"),
            "as-text": whole(str),
            "with-detail": more("", "detail", "Not Found"),
            "latin-1": body(lambda data: data.decode().encode("latin-1", "replace")),
            "ascii": body(lambda data: data.decode().encode("ascii", "backslashreplace")),
            "unescaped-html": body(
                lambda data: data.replace(b"\\u003c", b"<").replace(b"\\u0026", b"&")
            ),
        },
    )
    yield from group(
        "success",
        ("every_answer/success", "uploads.create/png", "balance", "models.list"),
        on(path="/v1/", status=200, of=_API),
        {
            "with-null-error": more("", "error", None),
            "with-empty-error": more("", "error", {}),
            "with-request-id": more("", "request_id", "req_1"),
            "404": status(404, "Not Found"),
            "redirected": status(302, "Found"),
        },
    )
