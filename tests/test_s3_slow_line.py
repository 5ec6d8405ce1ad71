"""A store behind a slow line is waited for as long as bytes move, and given up when none do.

Bytes and patience are smaller, and rates higher, than those that users meet.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time

import pytest
from fake_apimart_storage import StorageError
from fake_apimart_storage.s3.connection.calls import Calls
from fake_apimart_storage.s3.connection.patience import GivenUp, Pool, Progress
from fake_apimart_storage.s3.transfer.part import PART_BYTES, SEND_BYTES, Part

from tests.stores import Store, environment
from tests.tcp_proxy import TCPProxy
from tests.test_storage import info, opened, put, read

PATIENCE = 2.0

UPLOADS = [
    (1, 2_000_000, 450_000),
    (1, PART_BYTES + 3_000_000, 2_600_000),
    (6, 1_000_000, 1_400_000),
]


@pytest.mark.parametrize(("count", "size", "bytes_per_second"), UPLOADS)
def test_uploads_over_a_slow_line_take_the_time_that_they_take(
    count: int, size: int, bytes_per_second: int, minio_store: Store, bucket: str
) -> None:
    content = random.Random(size).randbytes(size)

    async def main() -> None:
        async with opened(f"s3://{bucket}/.", s3_patience_seconds=PATIENCE) as storage:
            started = time.monotonic()
            await asyncio.gather(*(put(storage, info(f"image/{n}"), content) for n in range(count)))
            assert time.monotonic() - started > 2 * PATIENCE

    with (
        TCPProxy(minio_store.endpoint, bytes_per_second) as proxy,
        environment({**minio_store.env, "AWS_ENDPOINT_URL_S3": proxy.endpoint}),
    ):
        asyncio.run(main())
    stored = minio_store.client().get_object(Bucket=bucket, Key="image/0")["Body"].read()
    assert stored == content
    assert len(minio_store.keys(bucket)) == count
    assert minio_store.unfinished(bucket) == []


def test_files_over_a_slow_line_take_the_time_that_they_take(
    minio_store: Store, bucket: str
) -> None:
    content = random.Random(1).randbytes(500_000)

    async def main(endpoint: str) -> None:
        async with opened(f"s3://{bucket}/.", s3_patience_seconds=PATIENCE) as storage:
            for name in ("image/a", "image/b"):
                await put(storage, info(name), content)
        with environment({**minio_store.env, "AWS_ENDPOINT_URL_S3": endpoint}):
            async with opened(f"s3://{bucket}/.", s3_patience_seconds=PATIENCE) as storage:
                started = time.monotonic()
                got = await asyncio.gather(read(storage, "image/a"), read(storage, "image/b"))
                assert list(got) == [content, content]
                assert time.monotonic() - started > 2 * PATIENCE

    with (
        environment(minio_store.env),
        TCPProxy(minio_store.endpoint, bytes_per_second=240_000) as proxy,
    ):
        asyncio.run(main(proxy.endpoint))


@pytest.mark.parametrize("size", [100, 1_500_000, PART_BYTES + 1])
def test_upload_that_hangs_halfway_is_given_up_after_the_patience(
    size: int, minio_store: Store, bucket: str
) -> None:
    async def main(proxy: TCPProxy) -> None:
        async with opened(f"s3://{bucket}/.", s3_patience_seconds=PATIENCE) as storage:
            writer = storage.writer(info())
            await writer.write([bytes(size)])
            proxy.hang()
            started = time.monotonic()
            with pytest.raises(StorageError, match=r"did not answer in time|[Tt]imeout"):
                await writer.commit()
            # boto3 waits for `100 Continue` for a second.
            assert time.monotonic() - started < 1.1 * PATIENCE + 8
            proxy.pass_on()
            await put(storage, info("image/after"), b"x")

    with (
        TCPProxy(minio_store.endpoint) as proxy,
        environment({**minio_store.env, "AWS_ENDPOINT_URL_S3": proxy.endpoint}),
    ):
        asyncio.run(main(proxy))


def test_blocks_grow_on_a_quick_line_and_shrink_on_a_slow_one() -> None:
    part = Part()
    part.append(memoryview(bytes(PART_BYTES)))
    quick = [len(part.read(1)) for _ in range(6)]
    assert quick[-1] == SEND_BYTES[-1]
    assert quick == sorted(quick)
    time.sleep(0.3)
    assert len(part.read(1)) == SEND_BYTES[-1] // 2


def test_part_that_is_given_up_is_read_no_further() -> None:
    part = Part()
    part.append(memoryview(b"12345"))
    assert part.read(2)
    part.progress = Progress(Pool())
    part.progress.give_up()
    for read_on in (lambda: part.read(2), lambda: part.seek(0)):
        with pytest.raises(GivenUp):
            read_on()


def test_queued_call_waits_while_the_others_get_on() -> None:
    async def main() -> list[int]:
        calls = Calls(threads=1, seconds=0.3)
        results = await asyncio.gather(*(calls(_slow, number=number) for number in range(5)))
        await calls.close()
        return results

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]


def _slow(number: int) -> int:
    time.sleep(0.2)
    return number


def test_latecomer_has_a_share_of_the_patience_where_nothing_has_moved_for_long() -> None:
    hangs = threading.Event()

    async def main() -> float:
        calls = Calls(threads=8, seconds=1.0)
        first = asyncio.create_task(calls(hangs.wait))
        await asyncio.sleep(0.9)
        started = time.monotonic()
        with pytest.raises(StorageError):
            await calls(hangs.wait)
        taken = time.monotonic() - started
        with pytest.raises(StorageError):
            await first
        hangs.set()
        await calls.close()
        return taken

    assert asyncio.run(main()) < 0.95


def test_call_that_a_closing_storage_cancels_is_a_failure_and_no_cancellation() -> None:
    release = threading.Event()

    async def main() -> None:
        calls = Calls(threads=1)
        running, queued = (asyncio.create_task(calls(release.wait)) for _ in range(2))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(calls.close())
        with pytest.raises(StorageError, match="closed"):
            await queued
        release.set()
        await asyncio.gather(running, closing)

    asyncio.run(main())
