"""Storage on S3: start, multipart uploads, failures of the store, presigned URLs."""

from __future__ import annotations

import asyncio
import random
import signal
import string
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fake_apimart_storage import (
    DamagedObject,
    ObjectInfo,
    ObjectNotFound,
    StorageError,
    storage_at,
)
from fake_apimart_storage.s3.bucket import MAX_SKEW_SECONDS, check_clock
from fake_apimart_storage.s3.connection.calls import Calls
from fake_apimart_storage.s3.connection.patience import PATIENCE_SECONDS, Pool
from fake_apimart_storage.s3.metadata import MAX_BYTES, from_metadata, to_metadata
from fake_apimart_storage.s3.storage import S3Storage
from fake_apimart_storage.s3.transfer.budget import Budget
from fake_apimart_storage.s3.transfer.part import PART_BYTES
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.profiles import examples
from tests.stores import Store, environment, free_port, minio
from tests.stub_store import StubStore
from tests.tcp_proxy import TCPProxy
from tests.test_storage import info, keys, opened, put, read

LARGE = 20 * 1024 * 1024
DAY = 86_400
HUNG = 3.0
"""Patience with a store that hangs, in seconds."""

Body = Callable[[S3Storage], Awaitable[None]]

UNFINISHED = """
import asyncio, sys
from fake_apimart_storage import ObjectInfo, storage_at

async def main():
    storage = storage_at(sys.argv[1])
    await storage.open()
    await storage.writer(ObjectInfo("image/whole", "image/png", 1, 2)).commit()
    writer = storage.writer(ObjectInfo("image/part", "image/png", 1, 2))
    await writer.write([bytes(9_000_000)])
    await asyncio.gather(*writer._sending)
    print("writing", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def run(
    store: Store, location: str, body: Body, patience: float = PATIENCE_SECONDS, **variables: str
) -> None:
    """Run the body of a test with an open storage."""

    async def main() -> None:
        async with opened(location, s3_patience_seconds=patience) as storage:
            assert isinstance(storage, S3Storage)
            await body(storage)

    with environment({**store.env, **variables}):
        asyncio.run(main())


async def nothing(storage: S3Storage) -> None:
    """Do nothing: the body of tests that only need the start."""


@pytest.fixture
def proxy(minio_store: Store) -> Iterator[TCPProxy]:
    with TCPProxy(minio_store.endpoint) as running:
        yield running


def test_object_lies_below_the_prefix(minio_store: Store, bucket: str) -> None:
    async def body(storage: S3Storage) -> None:
        await put(storage, info("image/a"), b"x")

    run(minio_store, f"s3://{bucket}/one/two", body)
    assert minio_store.keys(bucket) == ["one/two/image/a"]


def test_description_is_ascii_metadata_of_the_object(minio_store: Store, bucket: str) -> None:
    async def body(storage: S3Storage) -> None:
        await put(storage, info("image/a"), b"x")

    run(minio_store, f"s3://{bucket}/.", body)
    stored = minio_store.client().head_object(Bucket=bucket, Key="image/a")
    assert stored["ContentType"] == "image/png"
    assert stored["Metadata"] == {
        "created-at": "1700000000",
        "expires-at": "2000000000",
        "own-name": "%E7%85%A7%20%FF",
    }


@pytest.mark.parametrize("size", [PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, LARGE])
def test_large_object_comes_back_as_it_was_written(
    size: int, minio_store: Store, bucket: str
) -> None:
    content = random.Random(size).randbytes(size)

    async def body(storage: S3Storage) -> None:
        pieces = [content[start : start + 100_001] for start in range(0, size, 100_001)]
        await put(storage, info(), *pieces)
        assert await read(storage) == content
        assert await read(storage, start=size - 70_000, stop=size) == content[-70_000:]
        assert await read(storage, start=1, stop=PART_BYTES) == content[1:PART_BYTES]
        async with await storage.get("image/a") as stored:
            assert (stored.size, stored.info) == (size, info())
            assert ("-" in stored.etag) == (size > PART_BYTES)

    run(minio_store, f"s3://{bucket}/.", body)


def test_parts_go_up_while_the_rest_arrives(minio_store: Store, bucket: str) -> None:
    async def body(storage: S3Storage) -> None:
        writer = storage.writer(info())
        await writer.write([bytes(PART_BYTES + 1)])
        while not minio_store.unfinished_parts(bucket, "image/a"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        with pytest.raises(ObjectNotFound):
            await storage.get("image/a")
        await writer.abort()

    run(minio_store, f"s3://{bucket}/.", body)


@pytest.mark.parametrize("size", [10, PART_BYTES + 1, LARGE])
def test_abort_leaves_no_parts(size: int, minio_store: Store, bucket: str) -> None:
    async def body(storage: S3Storage) -> None:
        writer = storage.writer(info())
        await writer.write([bytes(size)])
        await writer.abort()

    run(minio_store, f"s3://{bucket}/.", body)
    assert minio_store.unfinished(bucket) == []
    assert minio_store.keys(bucket) == []


def test_name_too_long_for_any_store_is_shortened(minio_store: Store, bucket: str) -> None:
    key = f"image/1-2-{'%E7%85%A7' * 500}.png"

    async def body(storage: S3Storage) -> None:
        await put(storage, info(key), b"x")
        assert await read(storage, key) == b"x"
        (listed,) = await keys(storage)
        assert listed.endswith(".png")
        assert await read(storage, listed) == b"x"

    run(minio_store, f"s3://{bucket}/.", body)


# Start


def test_start_creates_the_bucket(minio_store: Store, bucket: str) -> None:
    run(minio_store, f"s3://{bucket}/.", nothing)
    assert bucket in [each["Name"] for each in minio_store.client().list_buckets()["Buckets"]]
    run(minio_store, f"s3://{bucket}/.", nothing)


REFUSED = [
    ({"AWS_SECRET_ACCESS_KEY": "wr0ng"}, "the secret key is wrong"),
    ({"AWS_ACCESS_KEY_ID": "nobody"}, "the access key id is unknown"),
    ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
    ({"AWS_ENDPOINT_URL_S3": "http://user:wr0ng@127.0.0.1:9"}, "Could not connect"),
    ({"AWS_ENDPOINT_URL_S3": "http://user:pa@wr0ng@127.0.0.1:9"}, "Could not connect"),
    ({"AWS_ENDPOINT_URL_S3": "http://user:pa/wr0ng@127.0.0.1:9"}, "not a valid URI"),
    ({"AWS_ENDPOINT_URL_S3": "nonsense"}, "Invalid endpoint: nonsense"),
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "there are no credentials"),
    ({"AWS_PROFILE": "nobody"}, "could not be found"),
]


@pytest.mark.parametrize(("variables", "message"), REFUSED)
def test_start_is_refused_in_one_line_without_the_secret(
    variables: dict[str, str], message: str, minio_store: Store, bucket: str
) -> None:
    with pytest.raises(StorageError) as refusal:
        run(minio_store, f"s3://{bucket}/.", nothing, PATIENCE_SECONDS, **variables)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "wr0ng" not in str(refusal.value)


SAID = {
    "wr0ng": "{endpoint}: the secret key is wrong (AWS_SECRET_ACCESS_KEY) (SignatureDoesNotMatch)",
    "": "there are no credentials, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
}


@pytest.mark.parametrize("secret", SAID)
def test_command_says_what_is_wrong_and_ends_with_status_2(secret: str, minio_store: Store) -> None:
    keys = {"AWS_SECRET_ACCESS_KEY": secret, **({} if secret else {"AWS_ACCESS_KEY_ID": ""})}
    with environment({**minio_store.env, **keys}):
        result = subprocess.run(
            [sys.executable, "-m", "fake_apimart", "serve", "--storage", "s3://bucket"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert result.returncode == 2
    said = SAID[secret].format(endpoint=minio_store.endpoint)
    assert result.stderr == f"fake-apimart: FAKE_APIMART_STORAGE=s3://bucket: {said}\n"


def test_region_is_read_from_either_name_where_the_store_says_none(bucket: str) -> None:
    async def main() -> None:
        async with opened(f"s3://{bucket}") as storage:
            assert isinstance(storage, S3Storage)
            url = await storage.presigned_url("image/a", "GET", 60)
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
        assert "eu-west-3" in url

    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        other = "AWS_DEFAULT_REGION" if name == "AWS_REGION" else "AWS_REGION"
        with StubStore() as store, environment({**store.env, name: "eu-west-3", other: ""}):
            asyncio.run(main())


@pytest.mark.parametrize(("skew", "word"), [(MAX_SKEW_SECONDS + 60, "slow"), (-7200, "fast")])
def test_clock_that_is_wrong_is_named(skew: int, word: str) -> None:
    with pytest.raises(StorageError, match=f"s {word} of the store's"):
        check_clock(time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + skew)))


def test_unfinished_upload_of_a_killed_server_is_never_visible(
    minio_store: Store, bucket: str
) -> None:
    location = f"s3://{bucket}/."
    with (
        environment(minio_store.env),
        subprocess.Popen(
            [sys.executable, "-c", UNFINISHED, location], stdout=subprocess.PIPE
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)

    async def body(storage: S3Storage) -> None:
        assert await keys(storage) == ["image/whole"]

    run(minio_store, location, body)
    # It may belong to another running server, so it is swept only a day later.
    assert minio_store.unfinished(bucket) == ["image/part"]


def test_unfinished_upload_is_swept_a_day_later(
    minio_store: Store, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = minio_store.client()
    client.create_bucket(Bucket=bucket)
    for key in ("x/image/a", "foreign"):
        client.create_multipart_upload(Bucket=bucket, Key=key)
    monkeypatch.setattr("fake_apimart_storage.s3.bucket.ABANDONED_SECONDS", -60)
    run(minio_store, f"s3://{bucket}/x", nothing)
    assert minio_store.unfinished(bucket) == ["foreign"]


# Presigned URLs


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_presigned_url_answers_the_method_asked_until_it_expires(
    method: str, minio_store: Store, bucket: str
) -> None:
    async def body(storage: S3Storage) -> None:
        await put(storage, info(), b"content")
        urls.append(await storage.presigned_url("image/a", method, 2))

    urls: list[str] = []
    run(minio_store, f"s3://{bucket}/.", body)
    answer = httpx.request(method, urls[0])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content == (b"content" if method == "GET" else b"")
    time.sleep(3)
    assert httpx.request(method, urls[0]).status_code == 403


def test_presigned_url_names_the_public_endpoint(minio_store: Store, bucket: str) -> None:
    async def main() -> None:
        storage = storage_at(f"s3://{bucket}/x", public_endpoint="http://files.example:9000")
        assert isinstance(storage, S3Storage)
        await storage.open()
        url = httpx.URL(await storage.presigned_url("image/a", "GET", 30 * DAY))
        assert (url.host, url.port, url.path) == ("files.example", 9000, f"/{bucket}/x/image/a")
        assert url.params["X-Amz-Expires"] == str(7 * DAY)
        await storage.close()

    with environment(minio_store.env):
        asyncio.run(main())


def test_presigned_url_does_not_outlive_the_credentials(minio_store: Store, bucket: str) -> None:
    async def body(storage: S3Storage) -> None:
        url = httpx.URL(await storage.presigned_url("image/a", "GET", 3 * DAY))
        assert 900 < int(url.params["X-Amz-Expires"]) <= 3600

    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    run(minio_store, f"s3://{bucket}/.", body, AWS_CREDENTIAL_EXPIRATION=end)


# Failures of the store


def test_store_that_hangs_is_given_up_when_patience_ends_and_recovers(
    minio_store: Store, proxy: TCPProxy, bucket: str
) -> None:
    async def body(storage: S3Storage) -> None:
        await put(storage, info("image/before"), b"x")
        proxy.hang()
        started = time.monotonic()
        results = await asyncio.gather(
            *(put(storage, info(f"image/{size}"), bytes(size)) for size in (10, 100_000, LARGE)),
            read(storage, "image/before"),
            return_exceptions=True,
        )
        assert time.monotonic() - started < 4 * HUNG
        assert [type(each) for each in results] == [StorageError] * 4
        proxy.pass_on()
        await put(storage, info("image/after"), bytes(LARGE))

    run(minio_store, f"s3://{bucket}/.", body, HUNG, AWS_ENDPOINT_URL_S3=proxy.endpoint)
    assert minio_store.keys(bucket) == ["image/after", "image/before"]
    assert minio_store.unfinished(bucket) == []


@pytest.mark.parametrize("replaces", [False, True])
def test_failed_write_deletes_only_what_is_new(
    replaces: bool, minio_store: Store, proxy: TCPProxy, bucket: str
) -> None:
    async def body(storage: S3Storage) -> None:
        # Both are of the same second, so that their descriptions do not tell them apart.
        await put(storage, info("world/a"), b"before")
        proxy.hang()
        writer = storage.writer(info("world/a"))
        await writer.write([b"after"])
        with pytest.raises(StorageError):
            await writer.commit(replaces=replaces)
        proxy.pass_on()

    run(minio_store, f"s3://{bucket}/.", body, HUNG, AWS_ENDPOINT_URL_S3=proxy.endpoint)
    assert minio_store.keys(bucket) == (["world/a"] if replaces else [])


def test_many_uploads_that_wait_for_each_other_are_given_up_too(
    minio_store: Store, proxy: TCPProxy, bucket: str
) -> None:
    async def body(storage: S3Storage) -> None:
        proxy.hang()
        started = time.monotonic()
        # More than the budget has room for at once.
        uploads = (put(storage, info(f"image/{n}"), *[bytes(100_000)] * 200) for n in range(24))
        results = await asyncio.gather(*uploads, return_exceptions=True)
        assert time.monotonic() - started < 4 * HUNG
        assert {type(each) for each in results} == {StorageError}
        proxy.pass_on()
        # What the store does with the requests that it gets so late is cleaned up a little later.
        async with asyncio.timeout(20):
            while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    run(minio_store, f"s3://{bucket}/.", body, HUNG, AWS_ENDPOINT_URL_S3=proxy.endpoint)
    assert (minio_store.keys(bucket), minio_store.unfinished(bucket)) == ([], [])


@pytest.mark.parametrize("after", [0, 3_000_000])
def test_store_that_resets_fails_and_recovers(
    after: int, minio_store: Store, proxy: TCPProxy, bucket: str
) -> None:
    async def body(storage: S3Storage) -> None:
        proxy.reset(after)
        with pytest.raises(StorageError):
            await put(storage, info("image/during"), *[bytes(1_000_000)] * 20)
        proxy.pass_on()
        await put(storage, info("image/after"), bytes(LARGE))

    # The storage opens before the proxy resets anything.
    run(minio_store, f"s3://{bucket}/.", body, AWS_ENDPOINT_URL_S3=proxy.endpoint)
    assert minio_store.keys(bucket) == ["image/after"]
    assert minio_store.unfinished(bucket) == []


def test_bucket_deleted_while_running_is_an_error_not_a_missing_object(
    minio_store: Store, bucket: str
) -> None:
    async def body(storage: S3Storage) -> None:
        minio_store.client().delete_bucket(Bucket=bucket)
        for attempt in (
            put(storage, info(), b"x"),
            put(storage, info(), bytes(LARGE)),
            read(storage),
            storage.get("image/a", with_bytes=False),
            keys(storage),
        ):
            with pytest.raises(StorageError, match="there is no such bucket"):
                await attempt
        minio_store.client().create_bucket(Bucket=bucket)
        await put(storage, info(), b"x")

    run(minio_store, f"s3://{bucket}/.", body)


@pytest.mark.subprocess
def test_secret_revoked_while_running_is_a_failure_that_names_it(tmp_path: Path) -> None:
    port = free_port()
    first, second = minio(tmp_path, port), minio(tmp_path, port, "another-secret-key")

    async def body(storage: S3Storage) -> None:
        first.stop()
        second.start()
        for attempt in (put(storage, info(), b"x"), read(storage), keys(storage)):
            with pytest.raises(StorageError, match="the secret key is wrong"):
                await attempt

    with first:
        try:
            run(first.store, "s3://bucket", body)
        finally:
            second.stop()


def test_foreign_object_is_an_error_to_read_and_is_not_listed(
    minio_store: Store, bucket: str
) -> None:
    async def body(storage: S3Storage) -> None:
        minio_store.client().put_object(Bucket=bucket, Key="image/a", Body=b"x")
        with pytest.raises(DamagedObject, match="none of this server's"):
            await storage.get("image/a")
        assert await keys(storage) == []

    run(minio_store, f"s3://{bucket}/.", body)


def test_object_survives_a_failed_put_to_its_key(
    minio_store: Store, proxy: TCPProxy, bucket: str
) -> None:
    async def body(storage: S3Storage) -> None:
        await put(storage, info(), b"before")
        proxy.reset()
        later = ObjectInfo("image/a", "image/png", 1_700_000_001, 2_000_000_000)
        with pytest.raises(StorageError):
            await put(storage, later, b"after")
        proxy.pass_on()
        assert await read(storage) == b"before"

    run(minio_store, f"s3://{bucket}/.", body, AWS_ENDPOINT_URL_S3=proxy.endpoint)
    assert minio_store.keys(bucket) == ["image/a"]


# Metadata, budget and calls


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=8)
# Without this example, hypothesis hardly ever draws a text that is too long for a store.
LONG = st.builds(lambda text, times: text * times, st.text(max_size=20), st.integers(1, 100))


@given(short=st.dictionaries(NAMES, st.text(max_size=10), max_size=3), name=NAMES, long=LONG)
@settings(max_examples=examples(80))
def test_metadata_is_short_ascii_and_keeps_the_text_or_its_beginning(
    short: dict[str, str], name: str, long: str
) -> None:
    metadata = {**short, name: long}
    described = ObjectInfo("image/a", "image/png", 1, 2, metadata)
    stored = to_metadata(described)
    used = sum(map(len, [*stored, *stored.values()]))
    assert used <= MAX_BYTES
    assert all(value.isascii() and value.isprintable() for value in stored.values())
    again = from_metadata("image/a", "image/png", stored)
    assert again.metadata.keys() == metadata.keys()
    assert all(metadata[each].startswith(value) for each, value in again.metadata.items())
    # Only what does not fit is cut, and a character of 4 bytes takes 12 when percent-encoded.
    assert again.metadata == metadata or used > MAX_BYTES - 12


def test_budget_lets_half_collected_parts_be_completed() -> None:
    part_bytes, parts = 100, [object() for _ in range(10)]

    async def collect(budget: Budget, part: object) -> None:
        for _ in range(part_bytes // 10):
            await budget.acquire(part, 10)
            await asyncio.sleep(0)
        budget.release(part, part_bytes)

    async def main() -> None:
        budget = Budget(250, part_bytes, Pool(5))
        await asyncio.gather(*(collect(budget, part) for part in parts))

    asyncio.run(main())


def test_budget_fails_those_that_wait_too_long_and_gives_their_turn_on() -> None:
    async def main() -> None:
        budget = Budget(100, 50, Pool(0.1))
        one, two, three = object(), object(), object()
        await budget.acquire(one, 50)
        await budget.acquire(two, 40)
        with pytest.raises(StorageError, match="too many uploads wait"):
            await budget.acquire(three, 10)
        budget.release(two, 40)
        await budget.acquire(three, 10)

    asyncio.run(main())


def test_call_that_times_out_before_it_has_a_thread_never_runs() -> None:
    release, calls_run = threading.Event(), []

    async def main() -> None:
        calls = Calls(threads=1, seconds=0.1)
        with pytest.raises(StorageError, match="did not answer in time"):
            await calls(release.wait)
        with pytest.raises(StorageError, match="did not answer in time"):
            await calls(lambda: calls_run.append("late"))
        release.set()
        await calls.close()

    asyncio.run(main())
    assert calls_run == []
