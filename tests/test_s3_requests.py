"""What is asked of an S3 store: which requests, where, for which region, for how many bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_apimart_storage import StorageError
from fake_apimart_storage.s3.connection.client import Access, Connection
from fake_apimart_storage.s3.storage import S3Storage
from fake_apimart_storage.s3.transfer.part import PART_BYTES

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, PNG, StoppedClock
from tests.stores import environment, minio
from tests.stub_store import StubStore, answer, error, xml
from tests.test_storage import info, opened, put

LARGE = PNG + bytes(20_000_000 - len(PNG))


@pytest.fixture
def stub() -> Iterator[StubStore]:
    with StubStore() as running, environment(running.env):
        yield running


def presigned(location: str = "s3://bucket/p", seconds: int = 60, **options: Any) -> httpx.URL:
    """Return a presigned URL of a storage that is opened for it, after one upload to it."""

    async def main() -> str:
        async with opened(location, **options) as storage:
            assert isinstance(storage, S3Storage)
            await put(storage, info(), b"content")
            return await storage.presigned_url("image/a", "GET", seconds)

    return httpx.URL(asyncio.run(main()))


def file_url(server_url: str, content: bytes) -> str:
    upload = httpx.post(
        f"{server_url}/v1/uploads/images",
        headers=AUTHORIZED,
        files={"file": ("a.png", content)},
        timeout=60,
    )
    return str(upload.json()["url"])


# Where the bucket's name stands


DOMAIN = "store.example"

STYLES = [
    ("", "auto", "path"),
    ("", "path", "path"),
    ("", "virtual", "virtual"),
    ("s3 =\n  addressing_style = virtual\n", "auto", "virtual"),
    ("s3 =\n  addressing_style = auto\n", "auto", "path"),
    ("s3 =\n  addressing_style = path\n", "auto", "path"),
    ("s3 =\n  addressing_style = path\n", "virtual", "virtual"),
    ("s3 =\n  addressing_style = virtual\n", "path", "path"),
    ("s3 =\n  max_concurrent_requests = 3\n", "auto", "path"),
]


@pytest.mark.parametrize(("config", "setting", "style"), STYLES)
def test_bucket_stands_where_the_setting_or_the_user_s_configuration_says(
    config: str, setting: Any, style: str, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(f"[default]\n{config}")
    with StubStore(DOMAIN) as store:
        variables = {**store.env, "AWS_CONFIG_FILE": str(tmp_path / "config")}
        with environment(variables):
            if style == "path":
                with pytest.raises(StorageError, match="FAKE_APIMART_S3_ADDRESSING=virtual"):
                    presigned(s3_addressing=setting)
                return
            url = presigned(s3_addressing=setting)
        assert url.host == f"bucket.{DOMAIN}"
        # boto3 asks for the region in path style, whatever it is told; it is not needed.
        asked = [each for each in store.requests if each.operation != "GetBucketLocation"]
        assert {each.host for each in asked} == {url.host}
        assert list(store.objects) == ["p/image/a"]


@pytest.mark.parametrize(
    ("setting", "host"), [("auto", "files.example"), ("path", "files.example")]
)
def test_public_endpoint_has_the_bucket_where_the_store_has_it(
    setting: Any, host: str, stub: StubStore
) -> None:
    url = presigned(public_endpoint="https://files.example", s3_addressing=setting)
    assert (url.host, url.path) == (host, "/bucket/p/image/a")


def test_public_endpoint_has_the_bucket_in_its_host_where_that_is_asked_for() -> None:
    with StubStore(DOMAIN) as store, environment(store.env):
        url = presigned(public_endpoint="https://files.example", s3_addressing="virtual")
    assert (url.host, url.path) == ("bucket.files.example", "/p/image/a")


def test_server_serves_a_store_that_takes_virtual_hosts_alone(start_server: StartServer) -> None:
    with StubStore(DOMAIN) as store, environment(store.env):
        server = start_server(storage="s3://bucket/.", s3_addressing="virtual", delivery="redirect")
        with environment({"NO_PROXY": "*", "no_proxy": "*"}):
            url = file_url(server.url, PNG)
            location = httpx.get(url).headers["location"]
        assert httpx.get(location, proxy=store.endpoint).content == PNG
        server.stop()


AMAZON = [
    ("auto", "", "", "bucket.s3"),
    ("auto", "", "https://s3.eu-west-1.amazonaws.com", "bucket.s3"),
    ("auto", "s3 =\n  addressing_style = path\n", "", "s3"),
    ("auto", "s3 =\n  addressing_style = path\n", "https://s3.eu-west-1.amazonaws.com", "s3"),
    ("path", "", "", "s3"),
    ("path", "", "https://s3.eu-west-1.amazonaws.com", "s3"),
]


@pytest.mark.parametrize(("setting", "config", "endpoint", "host"), AMAZON)
def test_bucket_of_amazon_stands_in_the_host_if_nobody_says_otherwise(
    setting: Any, config: str, endpoint: str, host: str, stub: StubStore, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(f"[default]\n{config}")
    variables = {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_CONFIG_FILE": str(tmp_path / "config")}
    with environment(variables):
        connection = Connection(1, Access(addressing=setting))
    url = connection.presigning.generate_presigned_url(
        "get_object", Params={"Bucket": "bucket", "Key": "a"}
    )
    assert str(httpx.URL(url).host).startswith(f"{host}.")


# The region


REGIONS: list[tuple[dict[str, bytes], str]] = [
    ({}, "us-east-1"),
    ({"HeadBucket": answer(b"", "x-amz-bucket-region: eu-west-1")}, "eu-west-1"),
    (
        {"HeadBucket": answer(b"", "x-amz-bucket-region: eu-west-1", status="403 Forbidden")},
        "eu-west-1",
    ),
    ({"GetBucketLocation": xml("LocationConstraint", "eu-central-1")}, "eu-central-1"),
    ({"GetBucketLocation": xml("LocationConstraint", "EU")}, "eu-west-1"),
    # Ceph says so where its zone group has this name, and takes any region.
    ({"GetBucketLocation": xml("LocationConstraint", "default")}, "default"),
    ({"GetBucketLocation": error("403 Forbidden", "AccessDenied")}, "us-east-1"),
    ({"GetBucketLocation": error("501 Not Implemented", "NotImplemented")}, "us-east-1"),
    ({"GetBucketLocation": answer(b"<html>")}, "us-east-1"),
    ({"GetBucketLocation": xml("LocationConstraint", "no region!")}, "us-east-1"),
]


@pytest.mark.parametrize(("said", "region"), REGIONS)
def test_url_is_signed_for_the_region_that_the_store_says(
    said: dict[str, bytes], region: str, stub: StubStore
) -> None:
    stub.said = said
    assert f"/{region}/s3/" in presigned().params["X-Amz-Credential"]


def test_name_that_the_store_does_not_take_as_its_region_is_passed_over() -> None:
    class Choosy(StubStore):
        def reply(self, request: Any) -> bytes:
            said = super().reply(request)
            if "/us-east-1/s3/" in request.headers.get("authorization", ""):
                return said
            return error("400 Bad Request", "InvalidRegionName")

    with Choosy() as store, environment(store.env):
        store.said = {"GetBucketLocation": xml("LocationConstraint", "WNAM")}
        assert "/us-east-1/s3/" in presigned().params["X-Amz-Credential"]


@pytest.mark.subprocess
@pytest.mark.parametrize("site", ["us-east-1", "eu-west-1"])
def test_presigned_url_is_good_where_the_region_was_set_wrong(site: str, tmp_path: Path) -> None:
    with minio(tmp_path, region=site) as running:
        for region in ("us-east-1", "ap-south-1"):
            with environment({**running.store.env, "AWS_REGION": region}):
                answered = httpx.get(presigned("s3://bucket/."))
            assert (answered.status_code, answered.content) == (200, b"content")


# What a presigned URL lives for


def test_url_of_a_token_whose_life_is_unknown_is_good_for_a_quarter_of_an_hour(
    stub: StubStore,
) -> None:
    with environment({"AWS_SESSION_TOKEN": "token"}):
        assert presigned(seconds=3600).params["X-Amz-Expires"] == "900"
        assert presigned(seconds=60).params["X-Amz-Expires"] == "60"
    assert presigned(seconds=3600).params["X-Amz-Expires"] == "3600"


# Bytes and requests


NO_BYTES: list[tuple[str, dict[str, str], int]] = [
    ("HEAD", {}, 200),
    ("GET", {"If-None-Match": "*"}, 304),
    ("GET", {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
    ("GET", {"If-Match": '"other"'}, 412),
    ("GET", {"If-Unmodified-Since": "Fri, 01 Jan 1999 00:00:00 GMT"}, 412),
    ("GET", {"Range": "bytes=99999999-"}, 416),
    ("HEAD", {"Range": "bytes=0-99"}, 206),
    ("HEAD", {"If-None-Match": "*"}, 304),
]
SOME_BYTES = [
    ({"Range": "bytes=0-99"}, slice(100)),
    ({"Range": "bytes=10000000-10000099"}, slice(10_000_000, 10_000_100)),
    ({"Range": "bytes=-100"}, slice(-100, None)),
    ({"Range": "bytes=19999900-"}, slice(19_999_900, None)),
]


@pytest.fixture
def large_file(stub: StubStore, start_server: StartServer) -> str:
    server = start_server(storage="s3://bucket")
    url = file_url(server.url, PNG)
    # The stub keeps no parts.
    (key,) = stub.objects
    stub.objects[key] = LARGE, stub.objects[key][1]
    stub.sent.clear()
    stub.requests.clear()
    return url


@pytest.mark.parametrize(("method", "headers", "status"), NO_BYTES)
def test_answer_without_bytes_of_a_large_file_gets_none(
    method: str, headers: dict[str, str], status: int, large_file: str, stub: StubStore
) -> None:
    assert httpx.request(method, large_file, headers=headers).status_code == status
    assert stub.operations() == ["GetObject"]
    assert sum(stub.sent.values()) < 1500


@pytest.mark.parametrize(("headers", "part"), SOME_BYTES)
def test_range_of_a_large_file_gets_that_range(
    headers: dict[str, str], part: slice, large_file: str, stub: StubStore
) -> None:
    answered = httpx.get(large_file, headers=headers)
    assert (answered.status_code, answered.content) == (206, LARGE[part])
    assert len(stub.requests) <= 2
    assert sum(stub.sent.values()) < 3000


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": "*"},
        {"If-None-Match": '"other"'},
        {"If-Range": '"other"', "Range": "bytes=0-9"},
        {"Range": "bytes=0-1,4-5"},
        {"Range": "lines=1"},
    ],
)
def test_condition_that_holds_gets_the_whole_of_a_large_file_once(
    headers: dict[str, str], large_file: str, stub: StubStore
) -> None:
    answered = httpx.get(large_file, headers=headers)
    assert (answered.status_code, answered.content == LARGE) == (200, True)
    assert sum(stub.sent.values()) < len(LARGE) + 3000


def test_plain_get_is_one_request(stub: StubStore, start_server: StartServer) -> None:
    server = start_server(storage="s3://bucket")
    url = file_url(server.url, PNG)
    stub.requests.clear()
    assert httpx.get(url).content == PNG
    assert stub.operations() == ["GetObject"]


def test_expired_file_is_judged_as_before(stub: StubStore, start_server: StartServer) -> None:
    clock = StoppedClock(1_700_000_000)
    server = start_server(storage="s3://bucket/.", clock=clock)
    url = file_url(server.url, PNG)
    clock.advance(259_200)
    for headers in ({}, {"Range": "bytes=0-1"}, {"If-None-Match": "*"}):
        assert httpx.get(url, headers=headers).status_code == 403


def test_object_asked_for_without_bytes_can_still_be_read(stub: StubStore) -> None:
    async def main() -> None:
        async with opened("s3://bucket/.") as storage:
            await put(storage, info(), b"0123456789")
            async with await storage.get("image/a", with_bytes=False) as stored:
                for start, stop in ((0, 10), (3, 5), (0, 1)):
                    got = [each async for each in stored.chunks(start, stop)]
                    assert b"".join(got) == b"0123456789"[start:stop]

    asyncio.run(main())


# Parts


def test_parts_are_aborted_by_the_id_that_is_known(stub: StubStore) -> None:
    async def main() -> None:
        async with opened("s3://bucket/.") as storage:
            stub.requests.clear()
            writer = storage.writer(info())
            await writer.write([bytes(PART_BYTES + 1)])
            while "UploadPart" not in stub.operations():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await writer.abort()

    asyncio.run(main())
    assert stub.operations() == ["CreateMultipartUpload", "UploadPart", "AbortMultipartUpload"]


def test_parts_are_listed_where_the_answer_with_the_id_was_lost(
    stub: StubStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fake_apimart_storage.s3.transfer.writer.CLEANUP_DELAYS", (0.0,))
    monkeypatch.setattr("fake_apimart_storage.s3.transfer.writer.SETTLE_SECONDS", (0.0,))

    async def upload(said: bytes) -> list[str]:
        async with opened("s3://bucket/.") as storage:
            stub.said = {"CreateMultipartUpload": said}
            stub.requests.clear()
            with pytest.raises(StorageError):
                await put(storage, info(), bytes(PART_BYTES + 1))
        return stub.operations()

    assert "ListMultipartUploads" in asyncio.run(upload(answer(b"")))
    refused = asyncio.run(upload(error("403 Forbidden", "AccessDenied")))
    assert "ListMultipartUploads" not in refused
