"""Uploads that are answered wrongly."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import quote

from tests.mutating_proxy import Asked, Reply
from tests.mutations.model import (
    Mutation,
    at,
    group,
    header,
    more,
    on,
    status,
    text,
    whole,
    without,
    without_header,
)

PATH = "/v1/uploads/images"
_FIELDS = ("url", "filename", "content_type", "bytes", "created_at")
_ID = r"/f/image/([0-9]+)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8})-"
_SIZE = 20_971_520


def mutations() -> Iterator[Mutation]:
    yield from _answers()
    yield from _urls()
    yield from _errors()


def _answers() -> Iterator[Mutation]:
    uploaded = on("POST", PATH, 200)
    yield from group(
        "uploaded",
        ("uploads.create", "file_types", "file_urls"),
        uploaded,
        {f"without-{name}": without(name) for name in _FIELDS}
        | {f"with-null-{name}": at(name, None) for name in _FIELDS}
        | {
            "201": status(201, "Created"),
            "with-code": more("", "code", 200),
            "with-id": more("", "id", "file_1"),
            "with-null-error": more("", "error", None),
            "in-data": whole(lambda value: {"code": 200, "data": value}),
            "as-list": whole(lambda value: [value]),
            "bytes-as-string": at("bytes", str),
            "bytes-as-float": at("bytes", float),
            "bytes-of-the-form": at("bytes", lambda size: size + 180),
            "one-byte-fewer": at("bytes", lambda size: size - 1),
            "created-in-milliseconds": at("created_at", lambda seconds: seconds * 1000),
            "created-as-float": at("created_at", lambda seconds: seconds + 0.5),
            "created-as-string": at("created_at", str),
            "created-as-iso": at("created_at", "2026-09-19T10:20:56Z"),
            "created-an-hour-ago": at("created_at", lambda seconds: seconds - 3600),
            "created-in-utc-8": at("created_at", lambda seconds: seconds + 28800),
            "created-three-seconds-later": at("created_at", lambda seconds: seconds + 3),
            "largest-refused": _refuse_largest,
        },
    )
    yield from group(
        "uploaded",
        ("file_types/", "uploads.create/type-", "uploads.create/"),
        uploaded,
        {
            "jpg-for-jpeg": at("content_type", lambda old: old.replace("jpeg", "jpg")),
            "type-by-name": at("content_type", "image/png"),
            "type-with-charset": at("content_type", lambda old: f"{old}; charset=binary"),
            "type-without-image": at("content_type", lambda old: old.removeprefix("image/")),
        },
    )
    yield from group(
        "uploaded",
        ("file_urls/",),
        uploaded,
        {
            "name-with-path": at("filename", lambda old: f"a/{old}"),
            "name-percent-encoded": at("filename", quote),
            "name-in-lower-case": at("filename", str.lower),
            "name-without-suffix": at("filename", lambda old: old.rpartition(".")[0] or old),
            "one-replacement-for-many": at(
                "filename", lambda old: re.sub("\ufffd+", "\ufffd", old)
            ),
            "backslashes-cut": at("filename", lambda old: old.rpartition("\\")[2]),
        },
    )


def _refuse_largest(_: Asked, reply: Reply) -> bool:
    """Take one byte fewer than must be taken."""
    if b'"bytes":%d' % _SIZE not in reply.body:
        return False
    reply.status, reply.reason = 413, "Request Entity Too Large"
    message = f"file size {_SIZE} exceeds maximum {_SIZE - 1} bytes"
    reply.body = b'{"error":{"message":"%s","type":"invalid_request_error"}}' % message.encode()
    return True


def _id(edit: Callable[[str, str], str]) -> Callable[[str], str]:
    """Change the digits and the hexadecimal digits in a URL."""
    return lambda url: re.sub(_ID, lambda found: f"/f/image/{edit(found[1], found[2])}-", url)


def _urls() -> Iterator[Mutation]:
    only = ("file_urls/", "uploads.create/png")
    uploaded = on("POST", PATH, 200)
    edits: dict[str, Callable[[str], str]] = {
        "16-digits": _id(lambda digits, rest: f"{digits}000-{rest}"),
        "12-digits": _id(lambda digits, rest: f"{digits[:-1]}-{rest}"),
        "milliseconds": _id(lambda _, rest: f"{time.time_ns() // 1_000_000}-{rest}"),
        "random-digits": _id(lambda _, rest: f"{secrets.randbelow(10**13):013}-{rest}"),
        "a-second-off": _id(lambda digits, rest: f"{int(digits) - 1000}-{rest}"),
        "a-minute-off": _id(lambda digits, rest: f"{int(digits) + 60000}-{rest}"),
        "seconds-alone": _id(lambda digits, rest: f"{digits[:-3]}999-{rest}"),
        "upper-case": _id(lambda digits, rest: f"{digits}-{rest.upper()}"),
        "7-hex": _id(lambda digits, rest: f"{digits}-{rest[:-1]}"),
        "no-hex": _id(lambda digits, rest: f"{digits}-{'g' * 8}"),
        "same-hex": _id(lambda digits, _: f"{digits}-a1b2c3d4"),
        "uuid": _id(lambda digits, _: f"{digits}-{uuid.uuid4()}"),
        "underscore": _id(lambda digits, rest: f"{digits}_{rest}"),
        "image": lambda url: url.replace("/f/image/", "/image/"),
        "f": lambda url: url.replace("/f/image/", "/f/"),
        "https": lambda url: url.replace("http://", "https://"),
        "localhost": lambda url: url.replace("127.0.0.1", "localhost"),
        "another-port": lambda url: re.sub(r":[0-9]+/", ":8080/", url),
        "another-host": lambda url: re.sub("^https?://[^/]+", "http://127.0.0.2:1", url),
        "path-alone": lambda url: re.sub("^https?://[^/]+", "", url),
        "query": lambda url: f"{url}?v=1",
        "no-name": lambda url: re.sub(f"({_ID}).*", r"\1", url),
        "another-name": lambda url: re.sub(f"({_ID}).*", r"\1file.png", url),
        "doubled-escapes": lambda url: url.replace("%", "%25"),
        "lower-case-escapes": lambda url: re.sub("%..", lambda found: found[0].lower(), url),
        "plus-for-space": lambda url: url.replace("%20", "+"),
        "unescaped": lambda url: url.replace("%20", " ").replace("%5C", "\\").replace("%22", '"'),
        "more-escapes": lambda url: re.sub(
            r"-([^-/]*)$", lambda found: "-" + quote(found[1], safe="%"), url
        ),
    }
    yield from group("url", only, uploaded, {name: at("url", edit) for name, edit in edits.items()})
    live: dict[str, Callable[[str], str]] = {
        "13-digits": _id(lambda digits, rest: f"{digits[:13]}-{rest}"),
        "microseconds-off": _id(lambda digits, rest: f"{int(digits) - 10**6}-{rest}"),
        "8-hex": _id(lambda digits, rest: f"{digits}-{rest[:8]}"),
        "uuid-1": _id(lambda digits, _: f"{digits}-{uuid.uuid1()}"),
        "uuid-without-hyphens": _id(lambda digits, rest: f"{digits}-{rest.replace('-', '')}"),
        "upper-case": _id(lambda digits, rest: f"{digits}-{rest.upper()}"),
    }
    yield from group(
        "live-url",
        only,
        uploaded,
        {name: at("url", edit) for name, edit in live.items()},
        dialect="live",
    )


def _errors() -> Iterator[Mutation]:
    only = ("upload_forms/no-file", "file_types/", "upload_forms/", "uploads.create/")
    yield from group(
        "upload-400",
        only,
        on("POST", PATH, 400, of="application/json"),
        {
            "422": status(422, "Unprocessable Entity"),
            "415": status(415, "Unsupported Media Type"),
            "with-code": more("error", "code", 400),
            "with-empty-code": more("error", "code", ""),
            "with-param": more("error", "param", ""),
            "with-request-id": at("error.message", lambda old: f"{old} (request id: 20260919)"),
            "of-another-type": at("error.type", "invalid_request"),
            "of-apimart-type": at("error.type", "apimart_error"),
            "without-type": without("error.type"),
            "without-message": without("error.message"),
            "as-text": at("error", lambda error: error["message"]),
            "as-null": at("error", None),
            "as-detail": whole(lambda value: {"detail": value["error"]["message"]}),
            "with-success": more("", "success", False),
            "as-plain-text": header("content-type", "text/plain; charset=utf-8"),
            "one-letter": at("error.message", lambda old: old[0].swapcase() + old[1:]),
            "full-stop": at("error.message", lambda old: f"{old}."),
            "without-prefix": at("error.message", lambda old: old.rpartition(": ")[2]),
            "in-chinese": at("error.message", "缺少文件字段"),
            "another-order": text("jpeg, png, gif, webp", "gif, jpeg, png, webp"),
            "with-jpg": text("jpeg, png", "jpg, jpeg, png"),
            "accepted": _accept,
        },
    )
    too_large = on("POST", PATH, 413)
    yield from group(
        "upload-413",
        ("uploads.create/one-byte-more", "uploads.create/size"),
        too_large,
        {
            "400": status(400, "Bad Request"),
            "reason-of-python-3-13": status(413, "Content Too Large"),
            "limit-less-one": text("maximum 20971520", "maximum 20971519"),
            "limit-in-mib": text("20971520 bytes", "20 MiB"),
            "size-of-the-limit": at(
                "error.message", lambda old: re.sub("size [0-9]+", "size 20971521", old)
            ),
            "size-of-the-body": at(
                "error.message",
                lambda old: re.sub("[0-9]+", lambda found: str(int(found[0]) + 189), old, count=1),
            ),
            "with-code": more("error", "code", 413),
            "of-another-type": at("error.type", "request_too_large"),
            "accepted": _accept,
            "closing": header("connection", "close"),
        },
    )
    failed = on("POST", PATH, 500)
    yield from group(
        "upload-500",
        ("uploads.create/storage-fails",),
        failed,
        {
            "503": status(503, "Service Unavailable"),
            "with-code": more("error", "code", 500),
            "of-another-type": at("error.type", "internal_error"),
            "another-text": at("error.message", "Failed to upload image"),
            "with-request-id": at("error.message", lambda old: f"{old} (request id: 20260919)"),
        },
    )
    limited = on("POST", PATH, 429)
    yield from group(
        "upload-429",
        ("keys/rate", "keys/retry", "keys/", "uploads.create/"),
        limited,
        {
            "503": status(503, "Service Unavailable"),
            "code-as-string": at("error.code", str),
            "without-code": without("error.code"),
            "with-param": more("error", "param", ""),
            "of-another-type": at("error.type", "rate_limit_exceeded"),
            "another-text": at("error.message", "Rate limit exceeded, please try again later"),
            "without-retry-after": without_header("retry-after"),
            "retry-after-a-date": header("retry-after", "Sat, 19 Sep 2026 10:20:56 GMT"),
            "retry-after-0": header("retry-after", "0"),
            "retry-after-with-fraction": header("retry-after", lambda old: f"{old}.0"),
            "retry-after-negative": header("retry-after", lambda old: f"-{old}"),
            "with-limits": header("x-ratelimit-remaining", "0"),
        },
    )


def _accept(_: Asked, reply: Reply) -> bool:
    """Take what must be refused."""
    reply.status, reply.reason = 200, "OK"
    reply.body = (
        b'{"url":"http://127.0.0.1/f/image/8256563199749-a1b2c3d4-a","filename":"a",'
        b'"content_type":"image/png","bytes":6,"created_at":%d}' % int(time.time())
    )
    return True
