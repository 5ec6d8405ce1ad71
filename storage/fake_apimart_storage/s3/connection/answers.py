"""What every answer of a store has that is one of S3's.

boto3 takes an answer of another kind, such as a proxy's page, for one in which everything that may
be missing is missing: a page with status 200 would be a stored object, or an empty bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fake_apimart_storage.interface import StorageError
from fake_apimart_storage.s3.connection.failure import without_user_info

_FIELDS = {
    "CompleteMultipartUpload": ("ETag", "Key", "Location"),
    "CreateMultipartUpload": ("UploadId",),
    "GetObject": ("ETag",),
    "ListObjectsV2": ("Contents", "IsTruncated", "KeyCount", "Name"),
    "PutObject": ("ETag",),
    "UploadPart": ("ETag",),
}
"""Fields by operation, of which each answer of every store has at least one."""

REGION_HEADER = "x-amz-bucket-region"
"""Where S3 says the region of a bucket, in answers to calls signed for another too."""
_REDIRECTS = (301, 302, 307)
"""What boto3 follows."""
_MAX_SHOWN = 200

_NO_ANSWER = "the store's answer is none of S3's, but a page or a text"
_PAGES = (b"<html", b"<!doctype html")


def check_answer(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    """Raise StorageError where the store has answered with success, but nothing of S3's.

    It is called by boto3's event `after-call`.
    """
    if http_response.status_code >= 300:
        return
    if model.has_streaming_output or model.name == "HeadObject":
        check_head(http_response.headers)
    elif not _may_be_xml(http_response.content):
        raise StorageError(_NO_ANSWER)
    fields = _FIELDS.get(model.name, ())
    if fields and not any(parsed.get(name) not in (None, "") for name in fields):
        raise StorageError(f"the store's answer has no {fields[0]}")


def check_redirect(response: tuple[Any, Mapping[str, Any]] | None, **_: Any) -> None:
    """Raise StorageError where the store sends elsewhere, but names no region.

    boto3 would ask for the region by a HEAD of the bucket, and follow the same answer to that by
    another HEAD, without an end. It is called by boto3's event `needs-retry`.
    """
    if response is None or response[0].status_code not in _REDIRECTS:
        return
    http_response, parsed = response
    headers = {name.lower(): value for name, value in http_response.headers.items()}
    said = parsed.get("Error")
    if REGION_HEADER not in headers and not (isinstance(said, Mapping) and said.get("Region")):
        place = without_user_info(headers.get("location", "")).partition("?")[0][:_MAX_SHOWN]
        to = f" to {place}" if place else ""
        raise StorageError(f"the store redirects{to} ({http_response.status_code})")


def check_head(headers: Mapping[str, str]) -> None:
    """Raise StorageError where the head of an object is that of a page of another server."""
    fields = {name.lower(): value.lower() for name, value in headers.items()}
    is_html = fields.get("content-type", "").startswith("text/html")
    if is_html and not any(name.startswith("x-amz-") for name in fields):
        raise StorageError(_NO_ANSWER)


def _may_be_xml(body: bytes) -> bool:
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower()
    return not start or (start.startswith(b"<") and not start.startswith(_PAGES))
