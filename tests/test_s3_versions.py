"""Buckets that keep old versions, or lock them, and prefixes of any length."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fake_apimart_storage import ObjectNotFound
from fake_apimart_storage.s3.transfer.part import PART_BYTES, Part

from tests.stores import Store, environment
from tests.stub_store import Request, StubStore, error, xml
from tests.test_storage import info, keys, opened, put, read


@pytest.fixture
def store(minio_store: Store) -> Iterator[Store]:
    with environment(minio_store.env):
        yield minio_store


def kept(store: Store, bucket: str) -> list[str]:
    """Return the key of each version and of each mark of a deletion."""
    found: Any = store.client().list_object_versions(Bucket=bucket)
    return sorted(
        each["Key"] for kind in ("Versions", "DeleteMarkers") for each in found.get(kind, ())
    )


async def write_twice_and_delete(location: str) -> None:
    async with opened(location) as storage:
        for key in ("image/a", "image/a.b", "image/a"):
            await put(storage, info(key), b"content")
        await storage.delete("image/a")
        await storage.delete("image/unknown")
        with pytest.raises(ObjectNotFound):
            await storage.get("image/a")
        assert await keys(storage) == ["image/a.b"]


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_deleted_object_of_a_versioned_bucket_leaves_no_version(
    status: Any, store: Store, bucket: str
) -> None:
    client = store.client()
    client.create_bucket(Bucket=bucket)
    for each in ("Enabled", status):
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": each})
    asyncio.run(write_twice_and_delete(f"s3://{bucket}/p"))
    assert kept(store, bucket) == ["p/image/a.b"]


def test_deleted_object_of_a_locked_bucket_is_gone_and_its_versions_stay(
    store: Store, bucket: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("fake_apimart_storage"), "propagate", True)
    client = store.client()
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    asyncio.run(write_twice_and_delete(f"s3://{bucket}/p"))
    assert kept(store, bucket).count("p/image/a") >= 2
    assert len({each for each in caplog.messages if "old versions stay" in each}) <= 1


def test_mark_of_a_deletion_that_a_store_keeps_is_asked_for_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SeaweedFS answers 204 where the mark of a suspended bucket is deleted, and keeps it."""
    monkeypatch.setattr(logging.getLogger("fake_apimart_storage"), "propagate", True)
    mark = "<DeleteMarker><Key>p/image/a</Key><VersionId>null</VersionId></DeleteMarker>"

    async def main() -> None:
        async with opened("s3://bucket/p") as storage:
            await put(storage, info(), b"content")
            await storage.delete("image/a")
            await storage.delete("image/a")
            with pytest.raises(ObjectNotFound):
                await storage.get("image/a")
            assert await keys(storage) == []

    with StubStore() as store, environment(store.env):
        store.said = {
            "GetBucketVersioning": xml("VersioningConfiguration", "<Status>Suspended</Status>"),
            "ListObjectVersions": xml("ListVersionsResult", mark),
        }
        asyncio.run(main())
    deleted = [each for each in store.requests if each.operation == "DeleteObject"]
    assert [each.query.get("versionId") for each in deleted] == [None, "null"] * 2
    assert caplog.messages == []


class Locked(StubStore):
    """A bucket with locks, which takes no object without its MD5, as Amazon's."""

    def reply(self, request: Request) -> bytes:
        said = super().reply(request)
        if request.operation not in ("PutObject", "UploadPart"):
            return said
        digest = base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).digest())
        if request.headers.get("content-md5") == digest.decode():
            return said
        return error("400 Bad Request", "InvalidRequest", "Content-MD5 HTTP header is required")


def test_objects_and_parts_of_a_locked_bucket_have_their_md5() -> None:
    async def main() -> None:
        async with opened("s3://bucket/.") as storage:
            await put(storage, info(), b"x")
            await put(storage, info("image/large"), bytes(PART_BYTES + 1))

    with Locked() as store, environment(store.env):
        store.said = {
            "GetBucketVersioning": xml("VersioningConfiguration", "<Status>Enabled</Status>"),
            "GetObjectLockConfiguration": xml(
                "ObjectLockConfiguration", "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
            ),
        }
        asyncio.run(main())


@pytest.mark.parametrize("size", [0, 100, 100_000])
def test_md5_of_a_part_is_that_of_its_bytes(size: int) -> None:
    part = Part()
    part.append(memoryview(bytes(size)))
    digest = hashlib.md5(bytes(size), usedforsecurity=False).digest()
    assert part.md5() == base64.b64encode(digest).decode()
    part.release()


@pytest.mark.parametrize("prefix", ["p" * 240, "/".join(["p" * 59] * 4)])
def test_prefix_may_have_240_characters(prefix: str, store: Store, bucket: str) -> None:
    key = "image/" + "n" * 100

    async def main() -> None:
        async with opened(f"s3://{bucket}/{prefix}") as storage:
            await put(storage, info(key), b"content")
            await put(storage, info("image/large"), bytes(PART_BYTES + 1))
            assert await read(storage, key) == b"content"
            assert len(await keys(storage)) == 2

    asyncio.run(main())
    assert f"{prefix}/{key}" in store.keys(bucket)


def test_objects_of_a_versioned_bucket_that_are_deleted_together_leave_no_version(
    store: Store, bucket: str
) -> None:
    client = store.client()
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    names = [f"image/{number}" for number in range(10)]

    async def main() -> None:
        async with opened(f"s3://{bucket}/p") as storage:
            for key in [*names, *names[:3], "image/other"]:
                await put(storage, info(key), b"content")
            await storage.delete_many(names)

    asyncio.run(main())
    assert kept(store, bucket) == ["p/image/other"]
