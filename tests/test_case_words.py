"""What the words of a case mean: relations, patterns, lines by recipe, and answers that are cut."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from fake_apimart.cases.case import Request
from fake_apimart.cases.matching import differences
from fake_apimart.cases.relations import holds
from fake_apimart.client.connection import CutAnswer, NoAnswer, Place, ask
from fake_apimart.client.request_bytes import bytes_of_request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        ("header == 1789813216", True),
        ("stamp(time) == header", True),
        ("stamp(time) < header", False),
    ],
)
def test_times_are_compared_in_seconds(relation: str, expected: bool) -> None:
    names = {"header": "Sat, 19 Sep 2026 10:20:16 GMT", "time": "20260919182016"}
    assert holds(relation, names) is expected


@pytest.mark.parametrize("relation", ["stamp(nobody) == 1", "other(time) == 1"])
def test_times_of_nothing_are_no_relation(relation: str) -> None:
    with pytest.raises(ValueError, match=r"nor a number|is no time"):
        holds(relation, {"time": "20260919182016"})


@pytest.mark.parametrize(
    ("received", "found"), [([{"id": "a"}, {"id": "b"}], 0), ([{"id": "a"}], 1), ([], 1), ("b", 1)]
)
def test_a_list_has_some_element(received: Any, found: int) -> None:
    assert len(list(differences({"<some>": {"id": "b"}}, received, {}, "body"))) == found


def test_the_element_that_is_found_gives_the_names() -> None:
    names: dict[str, Any] = {}
    pattern = {"<some>": {"id": "b", "n": "<integer n>"}}
    received = [{"id": "a", "n": 1}, {"id": "b", "n": 2}]
    assert not list(differences(pattern, received, names, "body"))
    assert names == {"n": 2}


def test_a_raw_line_may_be_repeated_text() -> None:
    request = Request.model_validate({"raw": ["GET {path}", {"text": "a:", "times": 3}, ""]})
    place = Place.of("http://127.0.0.1:1")
    assert bytes_of_request(request, place, {"path": "/"}) == b"GET /\r\na:a:a:\r\n"


@pytest.mark.parametrize(
    ("sent", "error"),
    [(HEAD + b"ab", CutAnswer), (HEAD[:20], CutAnswer), (b"what\r\n\r\n", NoAnswer)],
)
def test_an_answer_that_is_cut_is_told_from_one_that_cannot_be_read(
    sent: bytes, error: type[NoAnswer]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as peer:
                peer.recv(1000)
                peer.sendall(sent)

        thread = threading.Thread(target=answer)
        thread.start()
        place = Place.of(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(NoAnswer) as raised:
            ask(place, b"GET / HTTP/1.1\r\n\r\n", 5)
        thread.join()
    assert raised.type is error
