"""Response framing on the wire for any ASGI application, and what its mistakes lead to."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.harness import exchange, parse_head, served

Messages = list[Message]

PLAIN = (b"content-type", b"text/plain")


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": [PLAIN, *headers]}


def body(text: bytes = b"", *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": text, "more_body": more}


def length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size


ANSWERS: dict[str, Messages] = {
    "/length": [start(length(5)), body(b"hello")],
    "/length-in-pieces": [start(length(5)), body(b"he", more=True), body(b"llo")],
    "/chunks": [start(), body(b"he", more=True), body(more=True), body(b"llo")],
    "/one-chunk": [start(), body(b"hello")],
    "/nothing": [start(), body()],
    "/204": [start(status=204), body()],
    "/304": [start(status=304), body()],
    "/299": [start(length(0), status=299), body()],
    "/close": [start(length(2), (b"connection", b"close")), body(b"ok")],
    "/too-long": [start(length(1)), body(b"hello")],
    "/too-short": [start(length(9)), body(b"hello")],
    "/line-end": [start((b"x-a", b"b\r\nx-c: d"), length(0)), body()],
    "/two-starts": [start(length(2)), start(length(2)), body(b"ok")],
    "/no-start": [body(b"ok")],
    "/silent": [],
    "/cut": [start(length(9)), body(b"hello", more=True)],
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Send the messages that ANSWERS lists for the path."""
    for message in ANSWERS[scope["path"]]:
        await send(dict(message))


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """Serve the application with our own protocol; yield the address."""
    with served(application) as address:
        yield address


def ask(address: tuple[str, int], path: str, method: str = "GET", version: str = "1.1") -> bytes:
    request = f"{method} {path} HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n"
    return exchange(address, request.encode())


@pytest.mark.parametrize(
    ("path", "framing", "sent"),
    [
        ("/length", ("content-length", "5"), b"hello"),
        ("/length-in-pieces", ("content-length", "5"), b"hello"),
        ("/chunks", ("transfer-encoding", "chunked"), b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        ("/one-chunk", ("transfer-encoding", "chunked"), b"5\r\nhello\r\n0\r\n\r\n"),
        ("/nothing", ("transfer-encoding", "chunked"), b"0\r\n\r\n"),
    ],
)
def test_body_is_framed_by_its_length_or_by_chunks(
    path: str, framing: tuple[str, str], sent: bytes, address: tuple[str, int]
) -> None:
    status, headers, received = parse_head(ask(address, path))
    assert (status, received) == (200, sent)
    assert framing in headers.items()


def test_http_1_0_client_gets_the_end_of_the_connection_in_place_of_chunks(
    address: tuple[str, int],
) -> None:
    _, headers, received = parse_head(ask(address, "/chunks", version="1.0"))
    assert received == b"hello"
    assert "connection" not in headers, "that is what HTTP/1.0 means by default"
    assert "transfer-encoding" not in headers


@pytest.mark.parametrize(
    ("method", "path"), [("HEAD", "/length"), ("HEAD", "/chunks"), ("GET", "/204"), ("GET", "/304")]
)
def test_answer_without_a_body_has_none(method: str, path: str, address: tuple[str, int]) -> None:
    _, headers, received = parse_head(ask(address, path, method))
    assert received == b""
    assert "transfer-encoding" not in headers


def test_status_without_a_name_is_sent_as_go_does(address: tuple[str, int]) -> None:
    assert ask(address, "/299").startswith(b"HTTP/1.1 299 status code 299\r\n")


def test_connection_ends_where_the_answer_says_so(address: tuple[str, int]) -> None:
    answer = exchange(address, b"GET /close HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.lower().count(b"connection: close") == 1


FAULTS = [
    ("/too-long", "the answer is longer than its Content-Length"),
    ("/too-short", "the answer is shorter than its Content-Length"),
    ("/line-end", "a header of the answer holds a line end"),
    ("/two-starts", "unexpected message http.response.start in an answer"),
]


@pytest.mark.parametrize(("path", "problem"), FAULTS)
def test_invalid_answer_is_a_500_unless_some_of_it_has_left(
    path: str, problem: str, address: tuple[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = ask(address, path)
    assert parse_head(answer)[0] == (200 if path == "/too-short" else 500)
    assert answer.count(b"HTTP/1.1") == 1
    assert b"x-c: d" not in answer
    (record,) = [each for each in caplog.records if each.exc_info]
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == problem


@pytest.mark.parametrize("path", ["/no-start", "/silent", "/unknown"])
def test_application_that_does_not_answer_is_a_500(path: str, address: tuple[str, int]) -> None:
    status, headers, received = parse_head(ask(address, path))
    assert (status, received) == (500, b"Internal Server Error")
    assert headers["connection"] == "close"


def test_unfinished_answer_ends_the_connection(address: tuple[str, int]) -> None:
    status, headers, received = parse_head(ask(address, "/cut"))
    assert (status, headers["content-length"], received) == (200, "9", b"hello")
