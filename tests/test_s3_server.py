"""The server with S3 storage: uploads, files, redirects and failures, as clients see them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fake_apimart.settings.reading import InvalidSettings, read_settings

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, JPEG, KEY, PDF, PNG, ServerProcess, ServerThread, StoppedClock
from tests.stores import Store, environment, free_port, minio
from tests.tcp_proxy import TCPProxy

LARGE = PNG + bytes(20 * 1024 * 1024 - len(PNG))


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.subprocess) for name in ("minio", "versitygw")]
)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Yield a store whose address is in the environment, where the servers of the test find it."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    with environment(found.env):
        yield found


def upload(server: ServerThread | str, content: bytes, name: str = "a.png") -> httpx.Response:
    base = server if isinstance(server, str) else server.url
    return httpx.post(
        f"{base}/v1/uploads/images",
        headers=AUTHORIZED,
        files={"file": (name, content)},
        timeout=60,
    )


@pytest.mark.parametrize("content", [PNG, LARGE], ids=["small", "20 MiB"])
def test_upload_is_a_file_in_the_bucket_and_behind_its_url(
    content: bytes, store: Store, bucket: str, start_server: StartServer
) -> None:
    server = start_server(storage=f"s3://{bucket}/p")
    answer = upload(server, content, "照片.png").json()
    file = httpx.get(answer["url"])
    assert (file.status_code, file.content) == (200, content)
    (key,) = store.keys(bucket)
    assert answer["url"].endswith(key.removeprefix("p/"))
    stored = store.client().head_object(Bucket=bucket, Key=key)
    assert file.headers["etag"] == stored["ETag"]
    assert stored["Metadata"]["own-name"] == "%E7%85%A7%E7%89%87.png"
    assert stored["Metadata"]["own-created-at"] == str(answer["created_at"])
    assert len(stored["Metadata"]["own-world"]) == 32
    assert KEY not in str(stored)


RANGES = [
    ("bytes=0-9", 206, slice(0, 10)),
    ("bytes=10-", 206, slice(10, None)),
    ("bytes=-10", 206, slice(-10, None)),
    ("bytes=-0", 416, None),
    ("bytes=5-2", 200, slice(None)),
    ("bytes=0-1,4-5", 200, slice(None)),
    ("bytes=99999999-", 416, None),
]


@pytest.mark.parametrize(("header", "status", "part"), RANGES)
def test_range_of_a_file_is_ours_to_read(
    header: str,
    status: int,
    part: slice | None,
    store: Store,
    bucket: str,
    start_server: StartServer,
) -> None:
    server = start_server(storage=f"s3://{bucket}")
    answer = httpx.get(upload(server, LARGE).json()["url"], headers={"Range": header})
    assert answer.status_code == status
    if part is not None:
        assert answer.content == LARGE[part]


def test_head_states_the_size_without_the_bytes(
    store: Store, bucket: str, start_server: StartServer
) -> None:
    server = start_server(storage=f"s3://{bucket}")
    answer = httpx.head(upload(server, LARGE).json()["url"])
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(LARGE)))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_redirect_leads_to_the_store_by_the_method_asked(
    method: str, store: Store, bucket: str, start_server: StartServer
) -> None:
    server = start_server(storage=f"s3://{bucket}", delivery="redirect")
    url = upload(server, JPEG).json()["url"]
    answer = httpx.request(method, url)
    assert (answer.status_code, answer.content) == (302, b"")
    assert answer.headers["location"].startswith(store.endpoint)
    file = httpx.request(method, url, follow_redirects=True)
    assert (file.status_code, file.headers["content-type"]) == (200, "image/jpeg")
    assert file.content == (JPEG if method == "GET" else b"")


def test_conditions_are_judged_before_a_redirect(
    store: Store, bucket: str, start_server: StartServer
) -> None:
    server = start_server(storage=f"s3://{bucket}", delivery="redirect")
    url = upload(server, JPEG).json()["url"]
    etag = httpx.get(url, follow_redirects=True).headers["etag"]
    for headers, status in (
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": etag}, 302),
        ({"If-None-Match": etag}, 304),
        ({"If-Unmodified-Since": "Fri, 01 Jan 1999 00:00:00 GMT"}, 412),
        ({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
    ):
        assert httpx.get(url, headers=headers).status_code == status
    for name in ("If-Match", "If-Range"):
        file = httpx.get(url, headers={name: etag, "Range": "bytes=0-1"}, follow_redirects=True)
        assert (file.status_code, file.content) == (206, JPEG[:2])


def test_redirect_lives_as_long_as_the_file_has_left(
    store: Store, bucket: str, start_server: StartServer
) -> None:
    clock = StoppedClock(1_700_000_000)
    server = start_server(storage=f"s3://{bucket}", delivery="redirect", clock=clock)
    url = upload(server, JPEG).json()["url"]
    clock.advance(259_100)
    location = httpx.URL(httpx.get(url).headers["location"])
    assert location.params["X-Amz-Expires"] == "100"
    clock.advance(100)
    gone = httpx.get(url)
    assert (gone.status_code, "<Code>AccessDenied</Code>" in gone.text) == (403, True)
    assert httpx.get(f"{server.url}/f/image/unknown").status_code == 403


def test_redirect_without_s3_is_refused() -> None:
    with pytest.raises(InvalidSettings, match=r"--delivery redirect: needs .*=s3://BUCKET"):
        read_settings({"storage": "memory://", "delivery": "redirect"})


def test_password_in_a_storage_setting_is_never_shown() -> None:
    with pytest.raises(InvalidSettings) as refusal:
        read_settings({"storage": "s3://key:wr0ng@bucket"})
    assert "wr0ng" not in str(refusal.value)


def test_refused_upload_leaves_nothing(
    store: Store, bucket: str, start_server: StartServer
) -> None:
    server = start_server(storage=f"s3://{bucket}")
    assert upload(server, LARGE + b"x").status_code == 413
    assert upload(server, PDF + bytes(10_000_000)).status_code == 400
    server.stop()
    assert (store.keys(bucket), store.unfinished(bucket)) == ([], [])


HEAD = (
    "POST /v1/uploads/images HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
    "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 20000000\r\n\r\n"
)
PART_HEAD = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
FIRST_BYTES = (PART_HEAD.encode() + LARGE)[: 12 * 1024 * 1024]
LAST_BYTES = b"\r\n--b--\r\n".rjust(20_000_000 - len(FIRST_BYTES), b"\0")


def half_an_upload(address: tuple[str, int]) -> socket.socket:
    """Open a connection and send the head of an upload and more than one part of its 20 MB."""
    connection = socket.create_connection(address, timeout=60)
    connection.sendall(HEAD.encode() + FIRST_BYTES)
    return connection


def test_abandoned_upload_leaves_nothing(
    store: Store, bucket: str, start_server: StartServer
) -> None:
    server = start_server(storage=f"s3://{bucket}")
    with half_an_upload(server.address):
        while not store.unfinished(bucket):
            pass
    server.stop()
    assert (store.keys(bucket), store.unfinished(bucket)) == ([], [])


@pytest.mark.parametrize("content", [PNG, LARGE], ids=["small", "20 MiB"])
def test_store_that_is_gone_is_the_page_s_500_and_a_503_and_comes_back(
    content: bytes, store: Store, bucket: str, start_server: StartServer
) -> None:
    with TCPProxy(store.endpoint) as proxy, environment({"AWS_ENDPOINT_URL_S3": proxy.endpoint}):
        server = start_server(storage=f"s3://{bucket}")
        url = upload(server, content).json()["url"]
        proxy.reset()
        failed = upload(server, content)
        assert failed.status_code == 500
        assert failed.json()["error"]["message"] == "failed to upload image"
        assert httpx.get(url).status_code == 503
        proxy.pass_on()
        assert httpx.get(url).content == content
        assert upload(server, content).status_code == 200
        server.stop()


@pytest.mark.subprocess
def test_server_and_store_may_be_killed_in_the_middle_of_uploads(tmp_path: Path) -> None:
    with minio(tmp_path, free_port()) as running, environment(running.store.env):
        server = ServerProcess("--storage", "s3://bucket")
        address = httpx.URL(server.url)
        with concurrent.futures.ThreadPoolExecutor(8) as clients:
            answered = list(clients.map(lambda _: upload(server.url, PNG), range(8)))
        half = [half_an_upload((address.host, address.port or 80)) for _ in range(8)]
        while len(running.store.unfinished("bucket")) < len(half):
            pass
        running.stop()
        for connection in half[:4]:
            connection.sendall(LAST_BYTES)
            assert connection.recv(100).startswith(b"HTTP/1.1 500 ")
            connection.close()
        server.end(signal.SIGKILL)
        for connection in half[4:]:
            assert_gone(connection)
        running.start()
        again = ServerProcess("--storage", "s3://bucket")
        for each in answered:
            path = httpx.URL(each.json()["url"]).path
            assert httpx.get(again.url + path).content == PNG
        assert len(running.store.keys("bucket")) == 8
        assert upload(again.url, LARGE).status_code == 200
        again.end()


def assert_gone(connection: socket.socket) -> None:
    with connection, contextlib.suppress(ConnectionResetError):
        assert connection.recv(100) == b""
