"""What every answer of a store has that is one of S3's.

boto3 takes an answer of another kind, such as a proxy's page, for one in which everything that may
be missing is missing: a page with status 200 would be a stored object, or an empty bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fake_apimart_storage.interface import StorageError

_FIELDS = {
    "CompleteMultipartUpload": ("ETag", "Key", "Location"),
    "CreateMultipartUpload": ("UploadId",),
    "GetObject": ("ETag",),
    "ListObjectsV2": ("Contents", "IsTruncated", "KeyCount", "Name"),
    "PutObject": ("ETag",),
    "UploadPart": ("ETag",),
}
"""Fields by operation, of which each answer of every store has at least one."""

_NO_ANSWER = "the store's answer is none of S3's, but a page or a text"
_PAGES = (b"<html", b"<!doctype html")


def check_answer(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    """Raise StorageError where the store has answered with success, but nothing of S3's.

    It is called by boto3's event `after-call`.
    """
    if http_response.status_code >= 300:
        return
    fields = _FIELDS.get(model.name, ())
    if fields and not any(parsed.get(name) not in (None, "") for name in fields):
        raise StorageError(f"the store's answer has no {fields[0]}")
    if model.has_streaming_output:
        check_head(http_response.headers)
    elif not _may_be_xml(http_response.content):
        raise StorageError(_NO_ANSWER)


def check_head(headers: Mapping[str, str]) -> None:
    """Raise StorageError where the head of an object is that of a page of another server."""
    fields = {name.lower(): value.lower() for name, value in headers.items()}
    is_html = fields.get("content-type", "").startswith("text/html")
    if is_html and not any(name.startswith("x-amz-") for name in fields):
        raise StorageError(_NO_ANSWER)


def _may_be_xml(body: bytes) -> bool:
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower()
    return not start or (start.startswith(b"<") and not start.startswith(_PAGES))
