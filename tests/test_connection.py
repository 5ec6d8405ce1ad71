"""How answers are read from a connection: what is one, what is none, and when it ends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from fake_apimart.client.answer import Answer
from fake_apimart.client.connection import CutAnswer, NoAnswer, Place, ask

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH_2 = b"Content-Length: 2\r\n\r\n"
SECONDS = 2.0


@contextlib.contextmanager
def answering(*pieces: bytes, stays: bool = False) -> Iterator[Place]:
    """Yield a server that answers one request with these pieces, and then closes, or does not."""
    has_ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            # Who gives up on an answer closes the connection within it.
            with listener.accept()[0] as peer, contextlib.suppress(OSError):
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peer.recv(65536)
                for piece in pieces:
                    peer.sendall(piece)
                    time.sleep(0.02)
                if stays:
                    has_ended.wait(SECONDS)

        thread = threading.Thread(target=answer)
        thread.start()
        yield Place.of(f"http://127.0.0.1:{listener.getsockname()[1]}")
        has_ended.set()
        thread.join()


def answer_of(*pieces: bytes, request: bytes = GET, stays: bool = False) -> Answer | None:
    with answering(*pieces, stays=stays) as place:
        return ask(place, request, SECONDS)


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ([OK + LENGTH_2 + b"ab"], b"ab"),
        ([b"HTTP", b"/1.1 200 OK\r\nContent-Len", b"gth: 2\r", b"\n\r\na", b"b"], b"ab"),
        ([OK + b"Content-Length: 0\r\n\r\n"], b""),
        ([OK + b"\r\nabc", b"def"], b"abcdef"),
        ([b"HTTP/1.0 200 OK\r\n\r\nabc"], b"abc"),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"], b"abc"),
        (
            [OK + b"Transfer-Encoding: chunked\r\n\r\n", b"2;x=1\r\na", b"b\r\n0\r\nT: 1\r\n\r\n"],
            b"ab",
        ),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" + OK + LENGTH_2 + b"ab"], b"ab"),
        (
            [
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"HTTP/1.1 103 x\r\na: b\r\n\r\n",
                OK + LENGTH_2 + b"ab",
            ],
            b"ab",
        ),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
        ([b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n'], b""),
    ],
)
def test_answers_are_read_whole(pieces: list[bytes], body: bytes) -> None:
    answer = answer_of(*pieces)
    assert answer is not None
    assert answer.body == body


@pytest.mark.parametrize(
    "pieces",
    [
        [OK],
        [OK + b"Content-Le"],
        [OK + LENGTH_2],
        [OK + LENGTH_2 + b"a"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\na"],
        [b"HTTP/1.1 100 Continue\r\n\r\n"],
    ],
)
def test_an_answer_that_is_cut_is_said_to_be(pieces: list[bytes]) -> None:
    with pytest.raises(CutAnswer):
        answer_of(*pieces)


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([b"nonsense\r\n\r\n"], "illegal status line"),
        ([b"HTTP/1.1 abc OK\r\n\r\n"], "illegal status line"),
        ([OK + b"a b: c\r\n\r\n"], "illegal header line"),
        ([OK + b"Content-Length: x\r\n\r\n"], "bad Content-Length"),
        ([OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na"], "conflicting Content-Length"),
        ([OK + b"Content-Length: 2\r\n" + LENGTH_2 + b"ab"], "Content-Length stands twice"),
        ([b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"], "LF alone"),
        ([OK + b"a: b\nContent-Length: 0\r\n\r\n"], "LF alone"),
        ([OK + b"a: b\r\n c\r\nContent-Length: 0\r\n\r\n"], "folded"),
        ([b"HTTP/1.1 103 x\r\n\r\n" + OK + b"a: b\r\n c\r\n" + LENGTH_2 + b"ab"], "folded"),
        ([OK + LENGTH_2 + b"abc"], "more came behind the answer: b'c'"),
        ([OK + LENGTH_2 + b"ab" + OK], "more came behind the answer: b'HTTP"),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n"], "illegal chunk header"),
        ([b"HTTP/1.1 204 No Content\r\n\r\nab"], "more came behind the answer"),
    ],
)
def test_what_cannot_be_an_answer_is_none(pieces: list[bytes], said: str) -> None:
    with pytest.raises(NoAnswer, match=said) as raised:
        answer_of(*pieces)
    assert raised.type is NoAnswer


def test_a_connection_that_ends_without_a_word_has_no_answer() -> None:
    assert answer_of() is None


def test_a_reset_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            peer = listener.accept()[0]
            peer.recv(1)
            # With bytes unread, closing resets.
            peer.close()

        thread = threading.Thread(target=reset)
        thread.start()
        place = Place.of(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(NoAnswer, match="reset"):
            ask(place, GET, SECONDS)
        thread.join()


def test_who_says_nothing_is_waited_for_so_long() -> None:
    with answering(stays=True) as place, pytest.raises(NoAnswer, match=r"nothing came for 0\.1 s"):
        ask(place, GET, 0.1)


def test_where_nobody_listens_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = Place.of(f"http://127.0.0.1:{listener.getsockname()[1]}")
    with pytest.raises(NoAnswer, match="cannot connect"):
        ask(place, GET, SECONDS)


def test_an_answer_to_head_has_no_body() -> None:
    answer = answer_of(OK + LENGTH_2, request=b"HEAD / HTTP/1.1\r\n\r\n", stays=True)
    assert answer is not None
    assert (answer.body, answer.header("content-length")) == (b"", "2")


def test_a_body_behind_an_answer_to_head_is_noticed() -> None:
    with pytest.raises(NoAnswer, match="more came behind"):
        answer_of(OK + LENGTH_2 + b"ab", request=b"HEAD / HTTP/1.1\r\n\r\n")


def test_the_parts_of_an_answer() -> None:
    answer = answer_of(b"HTTP/1.0 404 Not  Here\r\nA: 1\r\nb:2 \r\nA: 3\r\nC: \xe9\r\n\r\n")
    assert answer is not None
    assert (answer.version, answer.status, answer.reason) == ("HTTP/1.0", 404, "Not  Here")
    assert (answer.header("a"), answer.header("b"), answer.header("d")) == ("1, 3", "2", None)
    assert answer.header("c") == "é"


@pytest.mark.parametrize(
    ("head", "stays", "is_open"),
    [
        (b"", True, True),
        (b"", False, False),
        (b"Connection: close\r\n", True, True),
        (b"Connection: close\r\n", False, False),
    ],
)
def test_a_connection_is_open_by_what_it_does(head: bytes, stays: bool, is_open: bool) -> None:
    with answering(OK + head + LENGTH_2 + b"ab", stays=stays) as place:
        answer = ask(place, GET, SECONDS, linger=True)
    assert answer is not None
    assert answer.is_open is is_open


def test_a_byte_that_comes_late_is_noticed_where_the_end_is_looked_at() -> None:
    with (
        answering(OK + LENGTH_2 + b"ab", b"\n", stays=True) as place,
        pytest.raises(NoAnswer, match="more came behind"),
    ):
        ask(place, GET, SECONDS, linger=True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a":1,"a":1}', "stands twice"),
        (b'[{"b":{"a":1,"a":2}}]', "stands twice"),
        (b"NaN", "NaN is not JSON"),
        (b'{"a":-Infinity}', "-Infinity is not JSON"),
        (b"", "Expecting value"),
        (b"{}{}", "Extra data"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'"\xff"', "can't decode"),
        ('{"a":1}'.encode("utf-16-le"), "Expecting"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_json(body: bytes, said: str) -> None:
    answer = Answer(200, "OK", [], body, is_open=True)
    with pytest.raises(ValueError, match=said):
        answer.json()


@pytest.mark.parametrize(
    "pieces",
    [
        [OK + b"\r\n", bytes(3_000_000)],
        [b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50_000],
    ],
)
def test_an_answer_without_an_end_is_given_up(
    pieces: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fake_apimart.client.connection._MAX_BYTES", 2_000_000)
    with pytest.raises(NoAnswer, match="does not end"):
        answer_of(*pieces)


def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_apimart.client.connection._MAX_SECONDS", 0.05)
    with pytest.raises(NoAnswer, match="does not end"):
        answer_of(OK + b"\r\n", *[b"a"] * 20)
