"""The region of a bucket, without which presigned URLs are refused.

Calls of boto3 follow a bucket to its region by themselves; a URL that a client is sent to cannot.
"""

from __future__ import annotations

import logging
from typing import Any

from botocore.exceptions import ClientError

from fake_apimart_storage.interface import ObjectNotFound, StorageError
from fake_apimart_storage.s3.connection.answers import REGION_HEADER
from fake_apimart_storage.s3.connection.client import DEFAULT_REGION, Connection, heard
from fake_apimart_storage.s3.connection.failure import failures_of_the_store

_SENDING = "before-send.s3.ListObjectsV2"
_OLD_NAMES = {"EU": "eu-west-1"}

logger = logging.getLogger(__name__)


def use_region_of(connection: Connection, bucket: str, prefix: str) -> None:
    """Let `connection` sign for the bucket's region, where the store says one that it takes.

    Blocks. Raises StorageError if the store does not answer at all; what it answers is told apart
    by the calls that follow.
    """
    configured = connection.region
    region = _said_by_head(connection, bucket) or _said_by_location(connection, bucket)
    if region is None and not _takes(connection, bucket, prefix, configured):
        region = DEFAULT_REGION
    if region is None or region == configured:
        return
    if _takes(connection, bucket, prefix, region):
        logger.info("the bucket %s is in the region %s, not in %s", bucket, region, configured)
    else:
        # Some stores name a place there that is no region of theirs.
        connection.use_region(configured)


def _said_by_head(connection: Connection, bucket: str) -> str | None:
    with failures_of_the_store():
        try:
            answer: Any = connection.client.head_bucket(Bucket=bucket)
        except ClientError as error:
            answer = error.response
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        region: str | None = headers.get(REGION_HEADER)
        return region or None


def _said_by_location(connection: Connection, bucket: str) -> str | None:
    try:
        with failures_of_the_store():
            location = connection.client.get_bucket_location(Bucket=bucket)
            answer: dict[str, Any] = dict(location)
            said: str | None = answer.get("LocationConstraint")
    except (ObjectNotFound, StorageError):
        # Many stores have no such call, and many credentials no permission for it.
        return None
    # There is none for the default region, and on stores that have no regions.
    return _OLD_NAMES.get(said, said) if said else None


def _takes(connection: Connection, bucket: str, prefix: str, region: str) -> bool:
    """Use `region`, and return whether the store takes what is signed for it, and for no other."""
    signed: list[str] = []

    def note(request: Any, **_: Any) -> None:
        signed.append(str(request.headers.get("Authorization", "")))

    try:
        connection.use_region(region)
        with failures_of_the_store(), heard(connection.client, _SENDING, note):
            connection.client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except (ObjectNotFound, StorageError):
        return False
    return all(f"/{region}/" in each for each in signed)
