"""Files that are served wrongly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

from tests.mutating_proxy import Asked, Change, Reply
from tests.mutations.model import (
    Mutation,
    body,
    group,
    header,
    more_header,
    on,
    status,
    text,
    without_header,
)

_ONLY = ("files.get/",)


def mutations() -> Iterator[Mutation]:
    yield from _files()
    yield from _parts()
    yield from _absent()


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1]) if data else data


def _later(by: timedelta) -> Change:
    return header(
        "last-modified",
        lambda old: format_datetime(parsedate_to_datetime(old) + by, usegmt=True),
    )


def _of_head_alone(change: Change) -> Change:
    return lambda asked, reply: asked.method == "HEAD" and change(asked, reply)


def _numbered() -> Change:
    count = 0

    def next_one(_: str) -> str:
        nonlocal count
        count += 1
        return f'"{count:032x}"'

    return header("etag", next_one)


def _files() -> Iterator[Mutation]:
    yield from group(
        "file",
        _ONLY,
        on(path="/f/image/", status=200, of="image/"),
        {
            "one-byte-fewer": body(lambda data: data[:-1]),
            "one-byte-more": body(lambda data: data + b"\n"),
            "another-byte": body(_flipped),
            "empty": body(lambda _: b""),
            "type-of-bytes": header("content-type", "application/octet-stream"),
            "type-by-name": header("content-type", "text/plain"),
            "type-with-charset": header("content-type", lambda old: f"{old}; charset=utf-8"),
            "without-type": without_header("content-type"),
            "tag-unquoted": header("etag", lambda old: old.strip('"')),
            "tag-weak": header("etag", lambda old: f"W/{old}"),
            "tag-of-each-answer": _numbered(),
            "tag-of-all-files": header("etag", '"d41d8cd98f00b204e9800998ecf8427e"'),
            "without-tag": without_header("etag"),
            "head-without-tag": _of_head_alone(without_header("etag")),
            "head-without-type": _of_head_alone(without_header("content-type")),
            "head-of-another-length": _of_head_alone(header("content-length", "0")),
            "head-without-length": _of_head_alone(without_header("content-length")),
            "without-ranges": without_header("accept-ranges"),
            "ranges-none": header("accept-ranges", "none"),
            "modified-tomorrow": _later(timedelta(days=1)),
            "modified-two-seconds-later": _later(timedelta(seconds=2)),
            "modified-an-hour-ago": _later(timedelta(hours=-1)),
            "modified-in-iso": header("last-modified", "2026-09-19T10:20:56Z"),
            "without-modified": without_header("last-modified"),
            "cors": more_header("Access-Control-Allow-Origin", "*"),
            "sniffed": without_header("x-content-type-options"),
            "attachment": more_header("Content-Disposition", "attachment"),
            "cached": more_header("Cache-Control", "public, max-age=3600"),
            "with-amz-id": more_header("x-amz-request-id", "1"),
            "without-date": without_header("date"),
            "range-of-the-whole": more_header("Content-Range", "bytes 0-778/779"),
            "206": status(206, "Partial Content"),
            "302": status(302, "Found"),
            "404": status(404, "Not Found"),
        },
    )


def _parts() -> Iterator[Mutation]:
    def off_by_one(data: bytes) -> bytes:
        return data[1:] + b"\0"

    def edit(pattern: str, new: str) -> Change:
        return header("content-range", lambda old: re.sub(pattern, new, old))

    yield from group(
        "part",
        ("files.get/first-byte", "files.get/ranges", "files.get/"),
        on(status=206, of="image/"),
        {
            "200": status(200, "OK"),
            "without-range": without_header("content-range"),
            "of-another-total": edit("/([0-9]+)", "/780"),
            "of-no-total": edit("/([0-9]+)", "/*"),
            "end-behind-it": edit("-([0-9]+)/", "-779/"),
            "without-unit": edit("bytes ", ""),
            "with-equals": edit("bytes ", "bytes="),
            "off-by-one": body(off_by_one),
            "one-byte-fewer": body(lambda data: data[:-1]),
            "without-tag": without_header("etag"),
            "tag-of-the-part": header("etag", '"0"'),
            "without-ranges": without_header("accept-ranges"),
            "head-without-tag": _of_head_alone(without_header("etag")),
            "head-without-modified": _of_head_alone(without_header("last-modified")),
            "sniffed": without_header("x-content-type-options"),
            "byteranges": header("content-type", "multipart/byteranges; boundary=b"),
        },
    )
    yield from group(
        "unsatisfied",
        ("files.get/behind",),
        on(status=416),
        {
            "200": status(200, "OK"),
            "400": status(400, "Bad Request"),
            "reason-of-python-3-13": status(416, "Range Not Satisfiable"),
            "without-range": without_header("content-range"),
            "range-without-star": header("content-range", "bytes 779"),
            "with-tag": more_header("ETag", '"0"'),
            "of-another-code": text("InvalidRange", "InvalidArgument"),
        },
    )
    yield from group(
        "unmodified",
        ("files.get/if-none", "files.get/dates", "files.get/"),
        on(status=304),
        {
            "200": status(200, "OK"),
            "with-type": more_header("Content-Type", "image/jpeg"),
            "with-length": more_header("Content-Length", "779"),
            "without-tag": without_header("etag"),
            "without-modified": without_header("last-modified"),
        },
    )
    yield from group(
        "precondition",
        ("files.get/if-match", "files.get/failed", "files.get/"),
        on(status=412),
        {
            "304": status(304, "Not Modified"),
            "200": status(200, "OK"),
            "of-another-code": text("PreconditionFailed", "AccessDenied"),
            "with-range": more_header("Content-Range", "bytes */779"),
        },
    )


def _swapped(data: bytes) -> bytes:
    """Put the first two elements in the other order."""
    return re.sub(rb"(<Code>.*</Code>)(<Message>.*</Message>)", rb"\2\1", data)


def _as_json(_: Asked, reply: Reply) -> bool:
    reply.set("content-type", "application/json; charset=utf-8")
    reply.body = b'{"error":{"code":403,"message":"Access Denied","type":"permission_error"}}'
    return True


def _absent() -> Iterator[Mutation]:
    yield from group(
        "gone",
        ("files.get/unknown", "files.get/expired", "files.get/"),
        on(path="/f/image/", status=403),
        {
            "404": status(404, "Not Found"),
            "410": status(410, "Gone"),
            "200": status(200, "OK"),
            "reordered": body(_swapped),
            "without-declaration": body(lambda data: data.partition(b"?>\n")[2]),
            "single-quotes-in-the-declaration": body(lambda data: data.replace(b'"', b"'")),
            "without-line-break": body(lambda data: data.replace(b"?>\n", b"?>")),
            "with-newline": body(lambda data: data + b"\n"),
            "of-another-code": text("AccessDenied", "NoSuchKey"),
            "another-message": text("Access Denied", "Access denied"),
            "with-resource": text("</Error>", "<Resource>/</Resource></Error>"),
            "without-request-id": body(
                lambda data: re.sub(rb"<RequestId>.*</RequestId>", b"", data)
            ),
            "with-another-kind-of-id": body(
                lambda data: re.sub(
                    rb"<RequestId>.*</RequestId>", b"<RequestId>1</RequestId>", data
                )
            ),
            "in-lower-case": body(lambda data: data.replace(b"Error>", b"error>")),
            "as-json": _as_json,
            "text-xml": header("content-type", "text/xml"),
            "xml-with-charset": header("content-type", "application/xml; charset=utf-8"),
            "with-tag": more_header("ETag", '"0"'),
            "with-ranges": more_header("Accept-Ranges", "bytes"),
            "cors": more_header("Access-Control-Allow-Origin", "*"),
        },
    )
    yield from group(
        "slow-down",
        ("files.get/disk",),
        on(path="/f/image/", status=503),
        {
            "500": status(500, "Internal Server Error"),
            "of-another-code": text("SlowDown", "InternalError"),
            "as-json": _as_json,
        },
    )
    yield from group(
        "posted-to-a-file",
        ("files.get/post", "files.get/delete"),
        on(path="/", status=404),
        {
            "405": status(405, "Method Not Allowed"),
            "403": status(403, "Forbidden"),
        },
    )
