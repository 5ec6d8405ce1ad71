"""Behaviour that all storages share."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_apimart_storage import (
    InvalidKey,
    InvalidLocation,
    ObjectInfo,
    ObjectNotFound,
    Storage,
    location_below,
    storage_at,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.profiles import examples
from tests.stores import environment

KIBIBYTE = 1024
SIZES = [0, 1, 128 * KIBIBYTE, 128 * KIBIBYTE + 1, 256 * KIBIBYTE, 3_000_000]

Body = Callable[[Storage], Awaitable[None]]
Run = Callable[[Body], None]


def info(key: str = "image/a", expires_at: int = 2_000_000_000) -> ObjectInfo:
    return ObjectInfo(key, "image/png", 1_700_000_000, expires_at, {"name": "照 \udcff"})


@asynccontextmanager
async def opened(location: str, **options: Any) -> AsyncIterator[Storage]:
    storage = storage_at(location, **options)
    await storage.open()
    try:
        yield storage
    finally:
        await storage.close()


async def put(storage: Storage, described: ObjectInfo, *chunks: bytes) -> None:
    writer = storage.writer(described)
    try:
        for chunk in chunks:
            await writer.write([chunk])
        await writer.commit()
    finally:
        await writer.abort()


async def read(
    storage: Storage, key: str = "image/a", start: int = 0, stop: int = 1 << 40
) -> bytes:
    async with await storage.get(key) as stored:
        return b"".join([chunk async for chunk in stored.chunks(start, stop)])


async def entries(storage: Storage, prefix: str = "") -> list[ObjectInfo]:
    """Return the descriptions of all objects whose key has a prefix."""
    found = storage.described([key async for key in storage.keys(prefix)])
    return [listed.info async for listed in found if listed.info is not None]


async def keys(storage: Storage, prefix: str = "") -> list[str]:
    return sorted(entry.key for entry in await entries(storage, prefix))


@pytest.fixture(
    params=[
        "memory",
        "dir",
        pytest.param("moto", marks=pytest.mark.subprocess),
        pytest.param("minio", marks=pytest.mark.subprocess),
        pytest.param("versitygw", marks=pytest.mark.subprocess),
    ]
)
def run(request: pytest.FixtureRequest, tmp_path: Path, bucket: str) -> Run:
    """Return a function that runs the body of a test with an open storage, for each kind."""
    location = {"memory": "memory://", "dir": f"dir:{tmp_path}"}.get(
        request.param, f"s3://{bucket}/some/prefix"
    )
    env: dict[str, str] = {}
    if request.param in ("moto", "minio", "versitygw"):
        env = request.getfixturevalue(f"{request.param}_store").env

    def run_with_storage(body: Body) -> None:
        async def main() -> None:
            async with opened(location) as storage:
                await body(storage)

        with environment(env):
            asyncio.run(main())

    return run_with_storage


@pytest.mark.parametrize("size", SIZES)
def test_object_comes_back_as_it_was_written(size: int, run: Run) -> None:
    content = random.Random(size).randbytes(size)

    async def body(storage: Storage) -> None:
        pieces = [content[start : start + 70_001] for start in range(0, size, 70_001)]
        await put(storage, info(), *pieces)
        async with await storage.get("image/a") as stored:
            assert (stored.info, stored.size) == (info(), size)
            assert len(stored.etag.strip('"')) == 32
            assert stored.etag == f'"{stored.etag[1:-1]}"'
        assert await read(storage) == content

    run(body)


RANGES = [
    (0, 1),
    (0, 0),
    (5, 5),
    (100, 131_172),
    (100, 131_173),
    (262_143, 262_145),
    (599_999, 600_000),
    (0, 600_000),
    (0, 700_000),
    (599_990, 700_000),
]


def test_part_of_an_object_is_read(run: Run) -> None:
    content = random.Random(1).randbytes(600_000)

    async def body(storage: Storage) -> None:
        await put(storage, info(), content)
        for start, stop in RANGES:
            assert await read(storage, start=start, stop=stop) == content[start:stop], (start, stop)

    run(body)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_object_is_not_visible_before_its_commit(size: int, run: Run) -> None:
    async def body(storage: Storage) -> None:
        writer = storage.writer(info())
        await writer.write([bytes(size)])
        with pytest.raises(ObjectNotFound):
            await storage.get("image/a")
        assert await keys(storage) == []
        await writer.commit()
        assert await keys(storage) == ["image/a"]

    run(body)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_abort_leaves_nothing(size: int, run: Run) -> None:
    async def body(storage: Storage) -> None:
        writer = storage.writer(info())
        await writer.write([bytes(size)])
        await writer.abort()
        await writer.abort()
        assert await keys(storage) == []

    run(body)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_abort_after_the_commit_changes_nothing(size: int, run: Run) -> None:
    async def body(storage: Storage) -> None:
        writer = storage.writer(info())
        await writer.write([bytes(size)])
        await writer.commit()
        await writer.abort()
        assert await read(storage) == bytes(size)

    run(body)


def test_many_small_chunks_are_one_object(run: Run) -> None:
    async def body(storage: Storage) -> None:
        await put(storage, info(), *[bytes([number % 256]) for number in range(1000)])
        assert await read(storage) == bytes(number % 256 for number in range(1000))

    run(body)


def test_deleted_object_is_gone(run: Run) -> None:
    async def body(storage: Storage) -> None:
        await put(storage, info(), b"x")
        await storage.delete("image/a")
        await storage.delete("image/a")
        with pytest.raises(ObjectNotFound):
            await storage.get("image/a")

    run(body)


def test_open_object_stays_readable_when_it_is_deleted(run: Run) -> None:
    async def body(storage: Storage) -> None:
        await put(storage, info(), bytes(500_000))
        async with await storage.get("image/a") as stored:
            await storage.delete("image/a")
            assert b"".join([part async for part in stored.chunks(0, 500_000)]) == bytes(500_000)

    run(body)


def test_keys_are_those_below_the_prefix(run: Run) -> None:
    async def body(storage: Storage) -> None:
        for key in ("image/a", "image/b", "task/a"):
            await put(storage, info(key), b"x")
        assert await keys(storage) == ["image/a", "image/b", "task/a"]
        assert await keys(storage, "image/") == ["image/a", "image/b"]
        assert await entries(storage, "task/") == [info("task/a")]

    run(body)


def test_object_may_be_deleted_while_keys_are_listed(run: Run) -> None:
    async def body(storage: Storage) -> None:
        for tens in range(30):
            numbers = range(tens * 10, tens * 10 + 10)
            await asyncio.gather(*(put(storage, info(f"image/{n}"), b"x") for n in numbers))
        left = storage.keys()
        await storage.delete(await anext(left))
        await storage.delete("image/299")
        async for key in left:
            await storage.delete(key)
        assert await keys(storage) == []

    run(body)


ODD_KEYS = [
    "image/a&amp;b",
    "image/%E7%85%A7%2F",
    "image/a+b=c@d$",
    "image/a;b",
    "image/<a>'\"",
    "image/" + "n" * 300 + ".png",
    "image/a",
]


def test_objects_under_any_keys_are_deleted_together(run: Run) -> None:
    async def body(storage: Storage) -> None:
        for key in (*ODD_KEYS, "image/kept"):
            await put(storage, info(key), b"x")
        await storage.delete_many([*ODD_KEYS, "image/none", "none/a"])
        await storage.delete_many([])
        assert await keys(storage) == ["image/kept"]

    run(body)


def test_keys_that_are_listed_lead_to_their_objects(run: Run) -> None:
    async def body(storage: Storage) -> None:
        for key in ODD_KEYS:
            await put(storage, info(key), b"xyz")
        listed = [key async for key in storage.keys("image/")]
        found = [each async for each in storage.described([*listed, "image/none"])]
        assert sorted(each.key for each in found) == sorted(listed)
        assert {each.size for each in found} == {3}
        await storage.delete_many(listed)
        assert [key async for key in storage.keys("image/")] == []

    run(body)


INVALID_KEYS = [
    "",
    "/",
    "a//b",
    "a/",
    "/a",
    "..",
    "a/../b",
    "a/.",
    "a b",
    "a\x00",
    "a\nb",
    "a\\b",
    "é",
    "a\x7f",
]


def test_invalid_key_is_refused(run: Run) -> None:
    async def body(storage: Storage) -> None:
        for key in INVALID_KEYS:
            with pytest.raises((InvalidKey, ObjectNotFound)):
                await storage.get(key)
            with pytest.raises(InvalidKey):
                storage.writer(info(key))

    run(body)


def test_only_expired_objects_are_deleted(run: Run) -> None:
    async def body(storage: Storage) -> None:
        for number in range(5):
            await put(storage, info(f"image/{number}", expires_at=100 + number), b"x")
        assert await storage.delete_expired(102) == 3
        assert await keys(storage) == ["image/3", "image/4"]
        assert await storage.delete_expired(102) == 0

    run(body)


def test_writers_at_the_same_time_do_not_mix(run: Run) -> None:
    contents = [random.Random(number).randbytes(number * 150_000) for number in range(20)]

    async def write(storage: Storage, number: int) -> None:
        writer = storage.writer(info(f"image/{number}"))
        for start in range(0, len(contents[number]), 50_000):
            await writer.write([memoryview(contents[number])[start : start + 50_000]])
            await asyncio.sleep(0)
        await writer.commit()

    async def body(storage: Storage) -> None:
        await asyncio.gather(*(write(storage, number) for number in range(20)))
        for number, content in enumerate(contents):
            assert await read(storage, f"image/{number}") == content

    run(body)


@given(sizes=st.lists(st.integers(0, 100_000), max_size=12))
@settings(max_examples=examples(40))
def test_object_does_not_depend_on_its_chunks(
    sizes: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = random.Random(2).randbytes(sum(sizes))
    chunks, position = [], 0
    for size in sizes:
        chunks.append(content[position : position + size])
        position += size

    async def main() -> None:
        async with opened(f"dir:{tmp_path_factory.mktemp('chunks')}") as storage:
            await put(storage, info(), *chunks)
            assert await read(storage) == content

    asyncio.run(main())


@pytest.mark.parametrize(
    ("location", "normalized"),
    [
        ("memory://", "memory://"),
        ("dir:/x/y", "dir:/x/y"),
        ("dir:~/x", f"dir:{Path.home()}/x"),
        ("s3://bucket", "s3://bucket/fake-apimart"),
        ("s3://bucket/", "s3://bucket/fake-apimart"),
        ("s3://bucket/.", "s3://bucket/."),
        ("s3://bucket/./", "s3://bucket/."),
        ("s3://a.bucket-1/x/y/", "s3://a.bucket-1/x/y"),
    ],
)
def test_location_is_normalized(location: str, normalized: str) -> None:
    assert storage_at(location).location == normalized


@pytest.mark.parametrize(
    "location",
    [
        "",
        "memory",
        "memory://x",
        "dir:",
        "s4://x",
        "/tmp/x",
        "s3://",
        "s3://x",
        "s3://Bucket",
        "s3://key:secret@bucket",
        "s3://bucket/a b",
        "s3://bucket/a/../b",
        "s3://bucket?region=x",
        "s3://bucket/a//b",
        "s3://bucket/a\\b",
        "s3://bucket/" + "p" * 801,
    ],
)
def test_invalid_location_is_refused(location: str) -> None:
    with pytest.raises(InvalidLocation):
        storage_at(location)


@pytest.mark.parametrize(
    ("location", "below"),
    [
        ("dir:/x/", "dir:/x/y"),
        ("s3://bucket", "s3://bucket/fake-apimart/y"),
        ("s3://bucket/.", "s3://bucket/y"),
        ("s3://bucket/x/", "s3://bucket/x/y"),
    ],
)
def test_location_below_another_is_within_it(location: str, below: str) -> None:
    assert location_below(location, "y") == below
    assert storage_at(below).location == below
