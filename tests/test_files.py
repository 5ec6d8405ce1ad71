"""`GET` and `HEAD` of a file: exact bytes, ranges, conditions, and expiry after 72 hours."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import httpx
import pytest
from fake_apimart_storage import StorageError
from fake_apimart_storage.memory import MemoryObject

from tests.conftest import StartServer
from tests.harness import (
    AUTHORIZED,
    JPEG,
    PNG,
    ServerThread,
    StoppedClock,
    exchange,
    parse_head,
)

HOURS_72 = 259_200
NOW = 1_743_436_800.25
SIZE = 300_000
CONTENT = JPEG + bytes(number % 251 for number in range(SIZE - len(JPEG)))


def upload(server: ServerThread, content: bytes, name: str = "photo.jpg") -> str:
    answer = httpx.post(
        f"{server.url}/v1/uploads/images", headers=AUTHORIZED, files={"file": (name, content)}
    )
    return str(answer.json()["url"])


@pytest.fixture(scope="module")
def url(server: ServerThread) -> str:
    return upload(server, CONTENT)


def is_access_denied(answer: httpx.Response) -> bool:
    return (
        answer.status_code == 403
        and answer.headers["content-type"] == "application/xml"
        and "<Code>AccessDenied</Code><Message>Access Denied</Message>" in answer.text
    )


def test_file_comes_back_byte_for_byte(url: str) -> None:
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["accept-ranges"] == "bytes"
    assert "access-control-allow-origin" not in answer.headers
    assert "x-oneapi-request-id" not in answer.headers


def test_head_gives_the_same_headers_and_no_body(url: str) -> None:
    get, head = httpx.get(url), httpx.head(url)
    assert (head.status_code, head.content) == (200, b"")
    for answer in (get, head):
        del answer.headers["date"]
    assert head.headers == get.headers


def test_alias_serves_the_same_file(url: str) -> None:
    assert httpx.get(url.replace("/f/image/", "/image/")).content == CONTENT


def test_key_sent_along_is_ignored(url: str) -> None:
    assert httpx.get(url, headers={"Authorization": "Bearer wrong"}).status_code == 200


RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-", 0, SIZE),
    ("bytes=5-9", 5, 10),
    (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    (f"bytes=10-{SIZE * 9}", 10, SIZE),
    ("bytes=-1", SIZE - 1, SIZE),
    (f"bytes=-{SIZE * 9}", 0, SIZE),
    ("BYTES=1-2", 1, 3),
    ("bytes=100000-299999", 100_000, SIZE),
]


@pytest.mark.parametrize(("header", "start", "stop"), RANGES)
def test_range_gives_that_part(header: str, start: int, stop: int, url: str) -> None:
    answer = httpx.get(url, headers={"Range": header})
    assert (answer.status_code, answer.content) == (206, CONTENT[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"


@pytest.mark.parametrize(
    "header",
    [
        "bytes=0-1,3-4",
        "bytes=5-2",
        "bytes=-",
        "bytes=x-y",
        "lines=1-2",
        "",
        "bytes=1",
        "bytes=+1-2",
    ],
)
def test_invalid_range_gives_the_whole_file(header: str, url: str) -> None:
    answer = httpx.get(url, headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
def test_range_beyond_the_end_is_refused(header: str, url: str) -> None:
    answer = httpx.get(url, headers={"Range": header})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    assert "<Code>InvalidRange</Code>" in answer.text


def test_range_of_a_head_request_has_its_headers_alone(url: str) -> None:
    answer = httpx.head(url, headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (206, b"")
    assert answer.headers["content-length"] == "10"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_known_etag_is_answered_with_not_modified(form: str, url: str) -> None:
    etag = httpx.head(url).headers["etag"]
    answer = httpx.get(url, headers={"If-None-Match": form.format(etag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag


def test_other_etag_gives_the_file(url: str) -> None:
    assert httpx.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("{last_modified}", 304),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 304),
        ("Fri, 01 Jan 1999 00:00:00 GMT", 200),
        ("yesterday", 200),
    ],
)
def test_date_known_to_the_client_decides(since: str, status: int, url: str) -> None:
    modified = httpx.head(url).headers["last-modified"]
    headers = {"If-Modified-Since": since.format(last_modified=modified)}
    assert httpx.get(url, headers=headers).status_code == status


@pytest.mark.parametrize(("header", "status"), [("etag", 206), ("last-modified", 206), (None, 200)])
def test_if_range_of_another_file_gives_the_whole(
    header: str | None, status: int, url: str
) -> None:
    value = httpx.head(url).headers[header] if header else '"other"'
    answer = httpx.get(url, headers={"Range": "bytes=0-0", "If-Range": value})
    assert answer.status_code == status


def test_file_lives_for_72_hours_to_the_second(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock)
    url = upload(server, PNG)
    clock.advance(HOURS_72 - 1)
    assert httpx.get(url).content == PNG
    clock.advance(1)
    assert is_access_denied(httpx.get(url))


def test_life_of_files_is_a_setting(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock, url_ttl_seconds=10)
    url = upload(server, PNG)
    clock.advance(10)
    assert httpx.head(url).status_code == 403


@pytest.mark.parametrize(
    "name",
    ["", "x", "8256563199749-a1b2c3d4-photo.jpg", "%2e%2e%2fobjects", "%2e%2e/x", "a//b", "%00"],
)
def test_unknown_name_is_denied_as_an_expired_one(name: str, server: ServerThread) -> None:
    assert is_access_denied(httpx.get(f"{server.url}/f/image/{name}"))


def test_escapes_may_be_written_otherwise(server: ServerThread) -> None:
    url = upload(server, PNG, "a b-~.png")
    other = url.replace("a%20b-~.png", "%61%20b%2d%7E.png")
    assert other != url
    assert httpx.get(other).content == PNG


@pytest.mark.parametrize(
    "prefix", ["/%66/image/", "/f/%69mage/", "/f%2Fimage/", "/f/image%2f", "/%69mage/", "/image%2F"]
)
def test_escapes_may_stand_in_front_of_the_name(prefix: str, server: ServerThread) -> None:
    name = upload(server, PNG, "a %41.png").rpartition("/")[2]
    assert httpx.get(f"{server.url}{prefix}{name}").content == PNG
    assert is_access_denied(httpx.get(f"{server.url}{prefix}x{name}"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_no_operation(method: str, url: str) -> None:
    answer = httpx.request(method, url)
    assert answer.status_code == 404
    path = urlsplit(url).path
    assert answer.json()["error"]["message"] == f"Invalid URL ({method} {path})"


def test_scripts_may_read_files_only_where_a_setting_allows_it(start_server: StartServer) -> None:
    server = start_server(file_cors=True)
    answer = httpx.get(upload(server, PNG), headers={"Origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Content-Range" in answer.headers["access-control-expose-headers"]


def test_preflight_at_a_file_is_refused_by_default(url: str) -> None:
    answer = httpx.options(url, headers={"Origin": "https://app.example"})
    assert answer.status_code == 403
    assert "<Code>AccessForbidden</Code>" in answer.text
    assert "access-control-allow-origin" not in answer.headers


def test_preflight_at_a_file_is_granted_by_the_setting(start_server: StartServer) -> None:
    server = start_server(file_cors=True)
    headers = {"Origin": "https://app.example", "Access-Control-Request-Headers": "range"}
    answer = httpx.options(f"{server.url}/f/image/x", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-headers"] == "range"


def test_download_that_the_client_gives_up_hurts_nobody(server: ServerThread) -> None:
    url = upload(server, JPEG + bytes(15_000_000))
    with httpx.stream("GET", url) as answer:
        next(answer.iter_raw(1000))
    assert httpx.get(url, headers={"Range": "bytes=0-1"}).content == JPEG[:2]


def test_file_that_cannot_be_read_is_unavailable(
    tmp_path: Path, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    server = start_server(storage=f"dir:{tmp_path}")
    url = upload(server, PNG)
    monkeypatch.setattr("fake_apimart_storage.folders.Folder.open_file", fail)
    answer = httpx.get(url)
    assert answer.status_code == 503
    assert "<Code>SlowDown</Code>" in answer.text


def test_file_that_ends_while_it_is_sent_is_cut(tmp_path: Path, start_server: StartServer) -> None:
    server = start_server(storage=f"dir:{tmp_path}")
    url = upload(server, JPEG + bytes(19_000_000))
    (stored,) = (path for path in (tmp_path / "objects").rglob("*") if path.is_file())
    with httpx.stream("GET", url) as answer:
        chunks = answer.iter_raw(1000)
        next(chunks)
        with stored.open("r+b") as file:
            file.truncate(1_000_000)
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)


def test_file_whose_bytes_cannot_be_read_is_cut_after_the_head(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    def chunks(*_: object) -> NoReturn:
        raise StorageError("the disk went away")

    path = urlsplit(upload(server, PNG)).path
    monkeypatch.setattr(MemoryObject, "chunks", chunks)
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    status, headers, body = parse_head(exchange(server.address, request))
    assert (status, headers["content-length"], body) == (200, str(len(PNG)), b"")


def test_removed_folder_denies_files_and_fails_uploads_and_comes_back(
    tmp_path: Path, start_server: StartServer
) -> None:
    root = tmp_path / "data"
    server = start_server(storage=f"dir:{root}")
    url = upload(server, PNG)
    shutil.rmtree(root)
    assert is_access_denied(httpx.get(url))
    failed = httpx.post(
        f"{server.url}/v1/uploads/images", headers=AUTHORIZED, files={"file": ("a.png", PNG)}
    )
    assert failed.status_code == 500
    assert failed.content == b'{"error":{"message":"failed to upload image","type":"server_error"}}'
    root.mkdir()
    assert httpx.get(upload(server, PNG)).content == PNG
