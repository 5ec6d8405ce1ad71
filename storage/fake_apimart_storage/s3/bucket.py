"""Preparation of the bucket at the server's start: creation, checks, lifecycle, sweep."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from fake_apimart_storage.interface import DamagedObject, ObjectNotFound, StorageError
from fake_apimart_storage.s3.connection.client import Connection, is_amazon
from fake_apimart_storage.s3.connection.failure import code_of, failures_of_the_store
from fake_apimart_storage.s3.connection.region import use_region_of
from fake_apimart_storage.s3.lifecycle.configuration import set_lifecycle
from fake_apimart_storage.s3.lifecycle.rule import Rule
from fake_apimart_storage.s3.metadata import from_metadata

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_SKEW_SECONDS = 900
"""Clock skew that S3 tolerates; with more, presigned URLs would be expired or not yet valid."""

ABANDONED_SECONDS = 86_400
"""Age from which the server of a multipart upload is presumed dead."""

LOOKED_AT = 5
"""How many keys of our form are looked at below each prefix for objects of an earlier version."""
EARLIER_LAYOUT = (
    "an earlier version kept its files at the root of the bucket %s, where this server does not "
    "look: they lie below %s now; the storage s3://%s/. goes on with the files at the root"
)

logger = logging.getLogger(__name__)


class Layout(NamedTuple):
    """Where objects lie in a bucket: below `prefix`, which is empty or ends with `/`.

    `lifetimes` are by what follows the prefix. `is_own` says whether a key, without the prefix, is
    one of the caller's. `is_default` says whether nobody has asked for this very prefix.
    """

    prefix: str
    lifetimes: Mapping[str, int]
    is_own: Callable[[str], bool]
    is_default: bool

    def has(self, key: str) -> bool:
        """Return whether a key of the bucket is one of the caller's."""
        return key.startswith(self.prefix) and self.is_own(key.removeprefix(self.prefix))


def prepare_bucket(connection: Connection, bucket: str, layout: Layout) -> None:
    """Create the bucket if missing, check access and clock, set the lifecycle, sweep uploads.

    Blocks. Raises StorageError with a message of one line.
    """
    try:
        with failures_of_the_store():
            response = _find(connection, bucket, layout.prefix)
    except (ObjectNotFound, StorageError) as error:
        raise StorageError(f"{connection.endpoint}: {error}") from error
    check_clock(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
    client = connection.client
    rules = [Rule.of(layout.prefix, *each) for each in layout.lifetimes.items()]
    # Servers of earlier versions put theirs at the root where no prefix was given.
    retired = layout.lifetimes.keys() if layout.is_default else ()
    has_earlier = set_lifecycle(client, bucket, rules, retired)
    is_new = layout.is_default and not response.get("Contents")
    if has_earlier or (is_new and has_objects_at_root(client, bucket, layout)):
        logger.warning(EARLIER_LAYOUT, bucket, layout.prefix, bucket)
    _sweep(client, bucket, layout)


def _find(connection: Connection, bucket: str, prefix: str) -> Any:
    """Return the answer to a LIST of the bucket, which is created if it is missing."""
    use_region_of(connection, bucket, prefix)
    try:
        return connection.client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except ClientError as error:
        if code_of(error) != "NoSuchBucket":
            raise
    _create(connection, bucket)
    use_region_of(connection, bucket, prefix)
    return connection.client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)


def _create(connection: Connection, bucket: str) -> None:
    parameters: dict[str, Any] = {"Bucket": bucket}
    if is_amazon(connection.client.meta.endpoint_url) and connection.region != "us-east-1":
        # Only Amazon requires the region, and it refuses the name of its default region.
        parameters["CreateBucketConfiguration"] = {"LocationConstraint": connection.region}
    try:
        with failures_of_the_store():
            connection.client.create_bucket(**parameters)
    except StorageError as error:
        if code_of(error.__cause__ or error) == "BucketAlreadyOwnedByYou":
            return
        raise StorageError(f"there is no such bucket, and it cannot be created: {error}") from error
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


def has_objects_at_root(client: S3Client, bucket: str, layout: Layout) -> bool:
    """Return whether an earlier version has put objects at the root; False where nobody can tell.

    Keys alone do not say so, since others may have such folders.
    """
    try:
        with failures_of_the_store():
            for prefix in layout.lifetimes:
                # Files of others may stand before ours, so that the first keys may all be theirs.
                page = client.list_objects_v2(Bucket=bucket, Prefix=prefix)
                keys = filter(layout.is_own, (each["Key"] for each in page.get("Contents", ())))
                if any(_is_described(client, bucket, key) for key in islice(keys, LOOKED_AT)):
                    return True
    except (ObjectNotFound, StorageError) as error:
        # Who may read below our prefix alone has no such objects.
        logger.debug("cannot look for objects at the root: %s", error)
    return False


def _is_described(client: S3Client, bucket: str, key: str) -> bool:
    head = client.head_object(Bucket=bucket, Key=key)
    try:
        from_metadata(key, head.get("ContentType", ""), head.get("Metadata", {}))
    except DamagedObject:
        return False
    return True


def _sweep(client: S3Client, bucket: str, layout: Layout) -> None:
    """Abort multipart uploads that a crash left, as some stores have no lifecycle rule for them.

    Another server on the same bucket may be uploading, so that only those of ABANDONED_SECONDS
    count as dead.
    """
    try:
        with failures_of_the_store():
            # Without Prefix, since MinIO lists uploads by prefix only if that is a whole key.
            for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
                for upload in page.get("Uploads", ()):
                    age = time.time() - upload["Initiated"].timestamp()
                    if layout.has(upload["Key"]) and age > ABANDONED_SECONDS:
                        _abort(client, bucket, upload)
    except (ObjectNotFound, StorageError) as error:
        logger.warning("cannot look for unfinished uploads: %s", error)


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
