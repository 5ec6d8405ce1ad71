"""`POST /v1/uploads/images`: the response, the order of the checks, names, sizes."""

from __future__ import annotations

import gc
import json
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fake_apimart.common.randomness import Randomness

from tests.conftest import StartServer
from tests.harness import (
    AUTHORIZED,
    FORM_TYPE,
    JPEG,
    PDF,
    PNG,
    ServerThread,
    StoppedClock,
    connection,
    exchange,
    form,
    parse_head,
    read_answer,
    upload_request,
    wait_until,
)

PATH = "/v1/uploads/images"
MAX_FILE_BYTES = 20_971_520
NOW = 1_743_436_800.25


def upload(server: ServerThread, content: bytes, name: str = "photo.jpg") -> httpx.Response:
    return httpx.post(server.url + PATH, headers=AUTHORIZED, files={"file": (name, content)})


def refusal(message: str, type: str = "invalid_request_error") -> bytes:
    return f'{{"error":{{"message":"{message}","type":"{type}"}}}}'.encode()


def test_answer_is_the_pages_to_the_byte(start_server: StartServer) -> None:
    server = start_server(
        clock=StoppedClock(NOW),
        randomness=Randomness(1),
        public_url="https://upload.apimart.ai",
    )
    answer = upload(server, JPEG)
    token = urlsplit(answer.json()["url"]).path.split("-")[1]
    assert answer.status_code == 200
    assert (
        answer.content
        == (
            f'{{"url":"https://upload.apimart.ai/f/image/8256563199749-{token}-photo.jpg",'
            f'"filename":"photo.jpg","content_type":"image/jpeg","bytes":{len(JPEG)},'
            f'"created_at":1743436800}}'
        ).encode()
    )


def test_same_seed_gives_the_same_url(start_server: StartServer) -> None:
    servers = (
        start_server(clock=StoppedClock(NOW), randomness=Randomness(7), public_url="http://x.test")
        for _ in range(2)
    )
    first, second = (upload(server, JPEG).json()["url"] for server in servers)
    assert first == second


def test_two_uploads_of_the_same_file_have_urls_of_their_own(server: ServerThread) -> None:
    first, second = (upload(server, JPEG).json()["url"] for _ in range(2))
    assert first != second


FILENAMES = [
    ('filename="photo.jpg"', "photo.jpg", "photo.jpg"),
    ('filename="../../etc/passwd"', "passwd", "passwd"),
    (r'filename="C:\\dir\\x.png"', r"C:\dir\x.png", "C:%5Cdir%5Cx.png"),
    ('filename="照片.png"', "照片.png", "%E7%85%A7%E7%89%87.png"),
    ('filename="🎨.png"', "🎨.png", "%F0%9F%8E%A8.png"),
    ("filename=\"x\"; filename*=UTF-8''%E7%85%A7.png", "照.png", "%E7%85%A7.png"),
    (r'filename="a\"b.png"', 'a"b.png', "a%22b.png"),
    ('filename="a\'b <&>.png"', "a'b <&>.png", "a%27b%20%3C&%3E.png"),
    ("filename*=UTF-8''a%00b.png", "a\x00b.png", "a%00b.png"),
    ("filename*=UTF-8''a%0Ab.png", "a\nb.png", "a%0Ab.png"),
    ('filename="a?b#c%41.png"', "a?b#c%41.png", "a%3Fb%23c%2541.png"),
    ('filename="/"', "/", "file"),
    ('filename="."', ".", "file"),
    ('filename=".."', "..", "file"),
    ('filename=" "', " ", "%20"),
    (f'filename="{"x" * 5000}.png"', f"{'x' * 5000}.png", f"{'x' * 5000}.png"),
]


@pytest.mark.parametrize(("parameter", "filename", "in_url"), FILENAMES)
def test_file_name_is_go_s_and_its_url_serves_the_file(
    parameter: str, filename: str, in_url: str, server: ServerThread
) -> None:
    head = f'--bbb\r\nContent-Disposition: form-data; name="file"; {parameter}\r\n\r\n'
    body = head.encode() + PNG + b"\r\n--bbb--\r\n"
    answer = json.loads(parse_head(exchange(server.address, upload_request(body)))[2])
    assert answer["filename"] == filename
    raw_path = answer["url"].removeprefix("http://127.0.0.1")
    assert raw_path.split("-", 2)[2] == in_url
    request = f"GET {raw_path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    assert parse_head(exchange(server.address, request))[2] == PNG


def test_invalid_bytes_of_a_name_are_one_replacement_character_each(server: ServerThread) -> None:
    body = form(PNG, "a\udcff\udcfe.png")
    answer = parse_head(exchange(server.address, upload_request(body)))[2]
    assert rb'"filename":"a\ufffd\ufffd.png"' in answer
    assert b"a%FF%FE.png" in answer


@pytest.mark.parametrize("dialect", ["page", "live"])
def test_url_has_the_form_of_the_dialect(dialect: str, start_server: StartServer) -> None:
    server = start_server(clock=StoppedClock(NOW), dialect=dialect)
    name = upload(server, JPEG).json()["url"].rpartition("/f/image/")[2]
    digits, _, rest = name.partition("-")
    if dialect == "page":
        assert int(digits) == 9_999_999_999_999 - 1_743_436_800_250
        assert len(rest.removesuffix("-photo.jpg")) == 8
    else:
        assert int(digits) == 9_999_999_999_999_999 - 1_743_436_800_250
        assert [len(part) for part in rest.split("-")] == [8, 4, 4, 4, 12, 9]
        assert rest.split("-")[2].startswith("4")


HOSTS = [
    ("fake:8080", "http://fake:8080"),
    ("192.0.2.1", "http://192.0.2.1"),
    ("[::1]:99", "http://[::1]:99"),
    ("a:65535", "http://a:65535"),
    ("my_service.internal", "http://my_service.internal"),
]


@pytest.mark.parametrize(("host", "base"), HOSTS)
def test_url_begins_with_the_host_that_was_asked(
    host: str, base: str, server: ServerThread
) -> None:
    answer = exchange(server.address, upload_request(form(PNG), {"Host": host}))
    assert json.loads(parse_head(answer)[2])["url"].startswith(f"{base}/f/image/")


@pytest.mark.parametrize(
    "host",
    ["a;b", "", "[::::::]", "[1.2.3.4]", "[::1]x", "[::1", "a:65536", "a:99999", "a:b", "a:"],
)
def test_url_begins_with_the_socket_s_address_without_a_valid_host(
    host: str, server: ServerThread
) -> None:
    answer = exchange(server.address, upload_request(form(PNG), {"Host": host}))
    assert json.loads(parse_head(answer)[2])["url"].startswith(f"{server.url}/f/image/")


def test_public_url_wins_over_the_host(start_server: StartServer) -> None:
    server = start_server(public_url="https://files.example/base/")
    assert upload(server, PNG).json()["url"].startswith("https://files.example/base/f/image/")


@pytest.mark.parametrize(
    ("size", "status"), [(MAX_FILE_BYTES, 200), (MAX_FILE_BYTES + 1, 413), (25_165_824, 413)]
)
def test_largest_file_is_20_mebibytes(size: int, status: int, server: ServerThread) -> None:
    answer = upload(server, JPEG + bytes(size - len(JPEG)))
    assert answer.status_code == status
    if status == 413:
        assert answer.content == refusal(f"file size {size} exceeds maximum 20971520 bytes")
    else:
        assert answer.json()["bytes"] == size


def test_too_large_counts_before_the_wrong_type(start_server: StartServer) -> None:
    server = start_server(max_file_bytes=1000)
    assert upload(server, b"%PDF-1.7" + bytes(993)).content == refusal(
        "file size 1001 exceeds maximum 1000 bytes"
    )


def test_empty_file_has_no_image_type(server: ServerThread) -> None:
    answer = upload(server, b"")
    message = "unsupported image type: application/x-empty, allowed: jpeg, png, gif, webp"
    assert (answer.status_code, answer.content) == (400, refusal(message))


def test_form_that_breaks_after_a_wrong_file_is_refused_for_the_form(
    server: ServerThread,
) -> None:
    body = form(PDF)[:-12]
    answer = exchange(server.address, upload_request(body))
    assert parse_head(answer)[2] == refusal("missing or invalid file field: unexpected EOF")


def test_no_file_is_refused_in_the_page_s_words(client: httpx.Client) -> None:
    answer = client.post(PATH, files={"image": ("a.png", PNG)})
    assert answer.status_code == 400
    assert answer.content == refusal("missing or invalid file field: http: no such file")


def test_body_above_the_cap_is_refused_and_the_connection_closed(
    start_server: StartServer,
) -> None:
    server = start_server(max_body_bytes=100_000)
    request = upload_request(form(PNG + bytes(1_000_000)), {"Connection": "keep-alive"})
    status, headers, body = parse_head(exchange(server.address, request))
    assert status == 400
    assert body == refusal("missing or invalid file field: http: request body too large")
    assert headers["connection"] == "close"


def test_body_of_exactly_the_cap_is_taken(start_server: StartServer) -> None:
    body = form(PNG)
    server = start_server(max_body_bytes=len(body))
    assert parse_head(exchange(server.address, upload_request(body)))[0] == 200


def test_chunked_body_is_taken(client: httpx.Client) -> None:
    body = form(PNG * 100)
    pieces = (body[start : start + 997] for start in range(0, len(body), 997))
    answer = client.post(PATH, content=pieces, headers=FORM_TYPE)
    assert answer.json()["bytes"] == len(PNG) * 100


@pytest.mark.parametrize("pause_after", [0, 1, 60, 130, 200])
def test_slow_client_is_waited_for(pause_after: int, server: ServerThread) -> None:
    request = upload_request(form(PNG))
    head = len(request) - len(form(PNG))
    with connection(server.address) as sock:
        sock.sendall(request[: head + pause_after])
        for byte in request[head + pause_after : head + pause_after + 20]:
            sock.sendall(bytes([byte]))
        sock.sendall(request[head + pause_after + 20 :])
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")


def test_aborted_upload_leaves_nothing(tmp_path: Path, start_server: StartServer) -> None:
    server = start_server(storage=f"dir:{tmp_path}")
    request = upload_request(form(JPEG + bytes(5_000_000)))
    with connection(server.address) as sock:
        sock.sendall(request[:3_000_000])
        wait_until(lambda: any(tmp_path.rglob("*.part")), "the upload reached the folder")
        # With a linger time of 0, closing the socket resets the connection.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until(lambda: not any(tmp_path.rglob("*.part")), "the upload was dropped")
    assert not [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]


def test_refused_upload_leaves_nothing(tmp_path: Path, start_server: StartServer) -> None:
    server = start_server(storage=f"dir:{tmp_path}", max_file_bytes=1_000_000)
    assert upload(server, JPEG + bytes(2_000_000)).status_code == 413
    assert upload(server, PDF).status_code == 400
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in left if not path.name.endswith("lock")] == []


def test_uploads_at_the_same_time_do_not_mix(server: ServerThread) -> None:
    contents = [JPEG + bytes([number]) * (number * 40_000) for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda content: upload(server, content), contents))
        served = list(pool.map(lambda answer: httpx.get(answer.json()["url"]).content, answers))
    assert served == contents


@pytest.mark.parametrize("body", [form(PNG), form(PDF), b"--bbb\r\nno colon\r\n\r\n"])
def test_upload_leaves_nothing_to_the_garbage_collector(body: bytes, server: ServerThread) -> None:
    exchange(server.address, upload_request(body))
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        exchange(server.address, upload_request(body))
        gc.collect()
    finally:
        gc.set_debug(0)
    left, gc.garbage[:] = gc.garbage[:], []
    assert [each for each in left if type(each).__module__.startswith("fake_apimart")] == []


def test_picture_that_does_not_decode_is_taken_by_default(server: ServerThread) -> None:
    assert upload(server, JPEG[: len(JPEG) // 2]).status_code == 200


def test_picture_that_does_not_decode_is_refused_on_demand(start_server: StartServer) -> None:
    server = start_server(decode_check=True)
    answer = upload(server, b"\xff\xd8\xff\xe0 no picture")
    assert (answer.status_code, answer.content) == (400, refusal("invalid image content"))
    assert upload(server, JPEG).status_code == 200


def test_store_that_fails_within_an_upload_is_the_page_s_500(
    tmp_path: Path, start_server: StartServer
) -> None:
    root = tmp_path / "data"
    server = start_server(storage=f"dir:{root}")
    request = upload_request(form(JPEG + bytes(6_000_000)))
    with connection(server.address) as sock:
        sock.sendall(request[:10_000])
        # The folder is missing from now on, as if its disk had been removed.
        root.rename(tmp_path / "away")
        sock.sendall(request[10_000:])
        status, _, body = parse_head(read_answer(sock))
    assert (status, body) == (500, refusal("failed to upload image", "server_error"))
    (tmp_path / "away").rename(root)
    assert upload(server, PNG).status_code == 200
