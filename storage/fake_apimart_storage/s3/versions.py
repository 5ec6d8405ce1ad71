"""Buckets that keep what was deleted or replaced, and buckets that lock it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fake_apimart_storage.interface import ObjectNotFound, StorageError
from fake_apimart_storage.s3.connection.failure import failures_of_the_store, field_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Keeping(NamedTuple):
    """What a bucket does with objects beside storing them."""

    has_versions: bool = False
    has_locks: bool = False


def keeping_of(client: S3Client, bucket: str) -> Keeping:
    """Return what the bucket says of itself; nothing where it cannot be asked. Blocks."""
    try:
        with failures_of_the_store():
            said: Any = client.get_bucket_versioning(Bucket=bucket)
            status = said.get("Status")
    except (ObjectNotFound, StorageError):
        # Some stores have no such call, and some credentials no permission for it.
        return Keeping()
    if not status:
        return Keeping()
    try:
        with failures_of_the_store():
            found: Any = client.get_object_lock_configuration(Bucket=bucket)
            locks = found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled")
    except (ObjectNotFound, StorageError):
        # A bucket without locks has no such configuration.
        return Keeping(has_versions=True)
    return Keeping(has_versions=True, has_locks=locks == "Enabled")


def delete_versions(client: S3Client, bucket: str, key: str) -> None:
    """Delete all versions of an object, and the marks of its deletions. Blocks.

    Raises StorageError, such as where one is locked.
    """
    with failures_of_the_store():
        for page in client.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=key
        ):
            for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                if field_of(found, "Key") == key:
                    version = field_of(found, "VersionId")
                    client.delete_object(Bucket=bucket, Key=key, VersionId=version)
