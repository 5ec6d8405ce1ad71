"""Preparation of the bucket at the server's start: creation, checks, lifecycle, sweep."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from fake_apimart_storage.interface import StorageError
from fake_apimart_storage.s3.client import Connection, is_amazon
from fake_apimart_storage.s3.failure import FAILURES, cause_of, code_of
from fake_apimart_storage.s3.lifecycle import merge_rules

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_SKEW_SECONDS = 900
"""Clock skew that S3 tolerates; with more, presigned URLs would be expired or not yet valid."""

ABANDONED_SECONDS = 86_400
"""Age from which the server of a multipart upload is presumed dead."""

logger = logging.getLogger(__name__)


def prepare_bucket(
    connection: Connection, bucket: str, prefix: str, lifetimes: Mapping[str, int]
) -> None:
    """Create the bucket if missing, check access and clock, set the lifecycle, sweep uploads.

    Blocks. Raises StorageError with a message of one line.
    """
    client = connection.client
    try:
        try:
            response = client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        except ClientError as error:
            if code_of(error) != "NoSuchBucket":
                raise
            _create(connection, bucket)
            response = client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except FAILURES as error:
        raise StorageError(f"{connection.endpoint}: {cause_of(error)}") from error
    check_clock(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
    _set_lifecycle(client, bucket, {prefix + each: life for each, life in lifetimes.items()})
    _sweep(client, bucket, prefix)


def _create(connection: Connection, bucket: str) -> None:
    parameters: dict[str, Any] = {"Bucket": bucket}
    if is_amazon(connection.client.meta.endpoint_url) and connection.region != "us-east-1":
        # Only Amazon requires the region, and it refuses the name of its default region.
        parameters["CreateBucketConfiguration"] = {"LocationConstraint": connection.region}
    try:
        connection.client.create_bucket(**parameters)
    except ClientError as error:
        if code_of(error) == "BucketAlreadyOwnedByYou":
            return
        raise StorageError(
            f"{connection.endpoint}: there is no such bucket, and it cannot be created: "
            f"{cause_of(error)}"
        ) from error
    logger.info("created the bucket %s", bucket)


def check_clock(date: str | None) -> None:
    """Compare the clock with the `Date` of a response, if it has one.

    Raises StorageError if the skew is large.
    """
    try:
        skew = time.time() - parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return
    if abs(skew) > MAX_SKEW_SECONDS:
        direction = "fast" if skew > 0 else "slow"
        raise StorageError(
            f"this machine's clock is {abs(skew):.0f} s {direction} of the store's: set it right"
        )


def _set_lifecycle(client: S3Client, bucket: str, lifetimes: Mapping[str, int]) -> None:
    """Let the store expire objects, for the case that this server no longer runs."""
    try:
        rules = _rules(client, bucket)
        merged = merge_rules(rules, lifetimes)
        if merged != rules:
            configuration: Any = {"Rules": merged}
            client.put_bucket_lifecycle_configuration(
                Bucket=bucket, LifecycleConfiguration=configuration
            )
    except FAILURES as error:
        logger.warning(
            "no lifecycle rule on the bucket %s, only this server deletes old files: %s",
            bucket,
            cause_of(error),
        )


def _rules(client: S3Client, bucket: str) -> list[Any]:
    try:
        return list(client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])
    except ClientError as error:
        if code_of(error) != "NoSuchLifecycleConfiguration":
            raise
        return []


def _sweep(client: S3Client, bucket: str, prefix: str) -> None:
    """Abort multipart uploads that a crash left, as some stores have no lifecycle rule for them.

    Another server on the same bucket may be uploading, so that only those of ABANDONED_SECONDS
    count as dead.
    """
    try:
        # Without Prefix, since MinIO lists uploads by prefix only if that is a whole key.
        for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for upload in page.get("Uploads", ()):
                age = time.time() - upload["Initiated"].timestamp()
                if upload["Key"].startswith(prefix) and age > ABANDONED_SECONDS:
                    _abort(client, bucket, upload)
    except FAILURES as error:
        logger.warning("cannot look for unfinished uploads: %s", cause_of(error))


def _abort(client: S3Client, bucket: str, upload: Any) -> None:
    key = upload["Key"]
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload["UploadId"])
    except ClientError as error:
        if code_of(error) != "NoSuchUpload":
            raise
        # Another server, or the store, was faster.
        return
    logger.info("swept an unfinished upload of %s", key)
