"""A store that answers nonsense: each call fails as a storage does, or finds nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fake_apimart_storage import ObjectInfo, ObjectNotFound, StorageError
from fake_apimart_storage.interface import Writer
from fake_apimart_storage.s3.bucket import check_clock
from fake_apimart_storage.s3.metadata import MAX_BYTES, from_metadata, to_metadata
from fake_apimart_storage.s3.storage import S3Storage

from tests.stores import Store, environment
from tests.test_storage import info, keys, put, read

LIST = (
    b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<IsTruncated>false</IsTruncated></ListBucketResult>"
)


def answer(body: bytes, *lines: str, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = "".join(
        f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {size}", *lines)
    )
    return f"{head}Connection: close\r\n\r\n".encode() + body


OBJECT = ("x-amz-meta-created-at: 1", "x-amz-meta-expires-at: 2", 'ETag: "e"')
ANSWERS = {
    "nothing": b"",
    "no HTTP": b"\x00\xff garbage\r\n\r\n",
    "a page": answer(b"<html><body>Welcome</body></html>", "Content-Type: text/html"),
    "an empty 200": answer(b""),
    "cut XML": answer(LIST[:90]),
    "XML of another kind": answer(b'<?xml version="1.0"?><Surprise><Key/></Surprise>'),
    "an error with 200": answer(b"<Error><Code>InternalError</Code><Message/></Error>"),
    "an error that is a page": answer(b"<h1>Bad Gateway</h1>", status="502 Bad Gateway"),
    "an error without body": answer(b"", status="500 Internal Server Error"),
    "an error without message": answer(b"<Error><Code/></Error>", status="400 Bad Request"),
    "a redirect to nowhere": answer(b"", "Location: ", status="307 Temporary Redirect"),
    "a status that is none": answer(b"", status="999 ?"),
    "less than promised": answer(b"x", *OBJECT, length=1000),
    "a length that is none": answer(b"x", *OBJECT).replace(b"Length: 1", b"Length: one"),
    "no ETag": answer(b"x", *OBJECT[:2]),
    "a range that is none": answer(
        b"x", *OBJECT, "Content-Range: bytes 0-0/many", status="206 Partial Content"
    ),
    "a date that is none": answer(b"x", "Last-Modified: yesterday", *OBJECT),
    "a list without keys": answer(LIST.replace(b"<Is", b"<Contents><Size>1</Size></Contents><Is")),
    "a list with a date that is none": answer(
        LIST.replace(b"<Is", b"<Contents><Key>a</Key><LastModified>x</LastModified></Contents><Is")
    ),
}


class Nonsense(socketserver.ThreadingTCPServer):
    """A store that answers each request with `said`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.said = answer(LIST)
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: Nonsense

    def handle(self) -> None:
        length = 0
        while line := self.rfile.readline().strip():
            name, _, value = line.lower().partition(b":")
            if name == b"content-length":
                length = int(value)
        self.rfile.read(length)
        self.wfile.write(self.server.said)


@pytest.fixture(scope="module")
def nonsense() -> Iterator[Nonsense]:
    with Nonsense() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def variables(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_REGION": "us-east-1",
    }


async def settled(attempt: Any) -> None:
    """Await a call of the storage, which may succeed, find nothing, or fail as storages fail."""
    problem = ""
    with contextlib.suppress(ObjectNotFound):
        try:
            await attempt
        except StorageError as error:
            problem = str(error)
    assert "\n" not in problem
    assert len(problem) < 1000


async def described(storage: S3Storage) -> None:
    async for listed in storage.described(["image/a", "image/b"]):
        assert listed.key


# boto3 leaves the connection of an answer open that it cannot read.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ANSWERS)
def test_call_of_a_store_that_answers_nonsense_fails_as_a_storage_does(
    name: str, nonsense: Nonsense, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fake_apimart_storage.s3.connection.client.ATTEMPTS", 1)
    monkeypatch.setattr("fake_apimart_storage.s3.transfer.writer.CLEANUP_DELAYS", (0.0,))
    monkeypatch.setattr("fake_apimart_storage.s3.transfer.writer.SETTLE_SECONDS", (0.0,))

    async def body() -> None:
        storage = S3Storage("bucket", "")
        nonsense.said = answer(LIST)
        await storage.open()
        nonsense.said = ANSWERS[name]
        await settled(read(storage))
        await settled(read(storage, start=3))
        await settled(put(storage, info(), b"x"))
        await settled(put(storage, info(), bytes(9_000_000)))
        await settled(keys(storage))
        await settled(storage.delete("image/a"))
        await settled(storage.delete_many(["image/a", "image/b"]))
        await settled(described(storage))
        await settled(storage.delete_expired(5, lambda key: True))
        await storage.close()

    host, port = nonsense.server_address[:2]
    with environment(variables(f"http://{host!s}:{port}")):
        asyncio.run(body())


# boto3 leaves the connection of an answer open that it cannot read.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ANSWERS)
def test_start_with_a_store_that_answers_nonsense_is_refused_or_goes_on(
    name: str, nonsense: Nonsense, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fake_apimart_storage.s3.connection.client.ATTEMPTS", 1)

    async def body() -> None:
        storage = S3Storage("bucket", "")
        nonsense.said = ANSWERS[name]
        await settled(storage.open({"image/": 5}))
        await storage.close()

    host, port = nonsense.server_address[:2]
    with environment(variables(f"http://{host!s}:{port}")):
        asyncio.run(body())


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2026 25:61:61 GMT", "9" * 400])
def test_date_of_a_store_that_is_none_is_passed_over(date: str) -> None:
    check_clock(date)


def test_store_that_answers_with_another_range_is_not_believed(
    nonsense: Nonsense, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        storage = S3Storage("bucket", "")
        nonsense.said = answer(LIST)
        await storage.open()
        nonsense.said = answer(
            b"x", *OBJECT, "Content-Range: bytes 0-0/100", status="206 Partial Content"
        )
        async with await storage.get("image/a", with_bytes=False) as stored:
            assert stored.size == 100
            nonsense.said = answer(bytes(range(100)), *OBJECT)
            with pytest.raises(StorageError, match="another range"):
                await anext(stored.chunks(50, 60))
        await storage.close()

    host, port = nonsense.server_address[:2]
    with environment(variables(f"http://{host!s}:{port}")):
        asyncio.run(body())


def test_upload_that_the_store_has_dropped_is_aborted_without_a_word(
    moto_store: Store, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def drop_uploads(storage: S3Storage) -> None:
        client = moto_store.client()
        for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            client.abort_multipart_upload(
                Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            )

    async def begun(storage: S3Storage) -> Writer:
        writer = storage.writer(info())
        await writer.write([random.randbytes(9_000_000)])
        await asyncio.sleep(0.5)
        await drop_uploads(storage)
        return writer

    async def write_on(writer: Writer) -> None:
        for _ in range(5):
            await writer.write([random.randbytes(9_000_000)])
            await asyncio.sleep(0.2)
        await writer.commit()

    async def body() -> None:
        storage = S3Storage(bucket, "")
        await storage.open()
        await (await begun(storage)).abort()
        writer = await begun(storage)
        with pytest.raises(StorageError):
            await write_on(writer)
        await writer.abort()
        await storage.close()

    caplog.set_level(logging.WARNING)
    with environment(moto_store.env):
        asyncio.run(body())
    assert [line for line in caplog.messages if "cannot clean up" in line] == []


LONG = "\u7167" * 400


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": "x" * 2000, "b": "y" * 2000},
        {"a": LONG, "b": LONG, "c": "short"},
        {"name" * 20: "x" * 900, "other" * 20: "y" * 900, "third" * 20: "z" * 900},
        {f"n{number}": "v" * number * 20 for number in range(20)},
    ],
)
def test_several_long_values_fit_into_what_stores_take(metadata: dict[str, str]) -> None:
    stored = to_metadata(ObjectInfo("image/a", "image/png", 1, 2, metadata))
    assert sum(map(len, [*stored, *stored.values()])) <= MAX_BYTES
    again = from_metadata("image/a", "image/png", stored).metadata
    assert again.keys() == metadata.keys()
    assert all(metadata[name].startswith(value) for name, value in again.items())
