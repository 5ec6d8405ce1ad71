"""What is told of worlds: labels, what a world holds in a line, and the requests of a test."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fake_apimart_testing import ControlError, FakeAPIMart
from fake_apimart_testing.world import report
from fake_apimart_testing.world.label import label_of, numbered
from hypothesis import given
from hypothesis import strategies as st

from tests.harness import JPEG, PDF, PNG, ServerThread
from tests.worlds import authorized, create, created, upload

LABEL = "tests/test_a.py::test_b[ä]"


@pytest.fixture
def labelled(server: ServerThread) -> Iterator[FakeAPIMart]:
    with FakeAPIMart(server.url, label=LABEL) as world:
        yield world


def label_at_server(world: FakeAPIMart) -> str:
    answer = httpx.get(f"{world.base_url}/_fake/world", headers=authorized(world)).json()
    return str(answer["label"])


# Labels


def test_server_knows_what_a_world_is_called(labelled: FakeAPIMart) -> None:
    assert label_at_server(labelled) == LABEL
    labelled.reset()
    assert label_at_server(labelled) == LABEL


def test_further_worlds_are_numbered(labelled: FakeAPIMart) -> None:
    second, third = labelled.another(), labelled.another()
    assert (label_at_server(second), label_at_server(third)) == (f"{LABEL} (2)", f"{LABEL} (3)")


def test_world_without_a_label_has_none(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        assert label_at_server(world) == label_at_server(world.another()) == ""


def test_label_can_be_said_later(server: ServerThread) -> None:
    world = FakeAPIMart(server.url)
    world.label = LABEL
    with world:
        assert label_at_server(world) == LABEL


@pytest.mark.parametrize(
    ("label", "error"),
    [("a\nb", ValueError), ("x" * 201, ValueError), ("\ud800", ValueError), (None, TypeError)],
)
def test_label_that_the_server_would_refuse_is_named(label: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^label "):
        FakeAPIMart(label=label)


@given(st.text(max_size=1000), st.integers(2, 10**6))
def test_any_name_makes_a_label_that_the_server_takes(name: str, number: int) -> None:
    for label in (label_of(name), numbered(label_of(name), number)):
        assert label.isprintable()
        assert len(label) <= 200
        assert not label or FakeAPIMart(label=label).label == label


def test_long_name_keeps_its_beginning_and_its_end() -> None:
    label = label_of("tests/test_a.py::test_b[" + "x" * 500 + "-last]")
    assert label.startswith("tests/test_a.py::test_b[xxx")
    assert label.endswith("x-last]")
    assert label_of("x" * 200) == "x" * 200


# What a world holds


def test_repr_says_what_a_world_holds(labelled: FakeAPIMart) -> None:
    labelled.uploads.add(PNG, "a.png")
    upload(labelled)
    created(labelled)
    labelled.fail("tasks.get", "rate_limited", optional=True)
    held = "2 requests, 2 uploads, 1 task, 1 rule"
    assert repr(labelled) == f"<FakeAPIMart {LABEL!r} at {labelled.base_url}: {held}>"


@pytest.mark.parametrize("key", ["sk-fake-0123456789abcdef", "my-own-secret", "k-", ""])
def test_repr_never_shows_a_whole_key(key: str, server: ServerThread) -> None:
    world = FakeAPIMart(server.url, key)
    text = repr(world)
    assert world.api_key not in text
    assert re.search(r"<FakeAPIMart key \S{0,12}… at http", text)


def test_repr_of_a_world_without_a_server_says_so() -> None:
    world = FakeAPIMart(label="a test")
    assert repr(world) == "<FakeAPIMart 'a test', not running>"
    assert repr(FakeAPIMart.__new__(FakeAPIMart)) == "<FakeAPIMart key …, not running>"


def test_repr_after_the_child_has_ended_says_so() -> None:
    with FakeAPIMart() as world:
        assert "0 requests, 0 uploads, 0 tasks, 0 rules>" in repr(world)
    assert "not running" in repr(world)


ANSWERS = [
    b"",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
    b"SSH-2.0-x\r\n",
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_repr_is_there_whoever_answers(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(65_536)
                accepted.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        text = repr(FakeAPIMart(f"http://127.0.0.1:{listener.getsockname()[1]}", "some key"))
        thread.join()
    assert text.endswith(": no answer>")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "no url", "http://[", "ftp://x"])
def test_repr_is_there_whatever_the_url_is(url: str) -> None:
    assert repr(FakeAPIMart(url)).endswith(": no answer>")
    assert repr(FakeAPIMart("http://127.0.0.1:1", "ü\n")).endswith(": no answer>")


def test_repr_waits_hardly_for_a_server_that_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        world = FakeAPIMart(f"http://127.0.0.1:{listener.getsockname()[1]}")
        before = time.monotonic()
        assert repr(world).endswith(": no answer>")
        assert time.monotonic() - before < 3


def test_repr_is_not_journaled_and_waits_for_no_other_call(labelled: FakeAPIMart) -> None:
    def wait() -> None:
        with pytest.raises(AssertionError):
            labelled.requests.wait_for("uploads.create", timeout=1)

    thread = threading.Thread(target=wait)
    thread.start()
    assert "0 requests" in repr(labelled)
    assert "0 requests" in repr(labelled)
    thread.join()


# The requests of a test that failed


SHOWN = """
{label}: 4 requests
    2026-09-21 UTC, by the clock of the world
!   14:13:20.250 uploads.create: POST /v1/uploads/images -> 429 Rate limit exceeded. \
Please try again later (rule: rate_limited)
!   14:13:20.250 uploads.create: POST /v1/uploads/images -> 400 unsupported image type: \
application/pdf, allowed: jpeg, png, gif, webp
                file 'b.pdf', application/pdf, {size} bytes
    2026-09-22 UTC, by the clock of the world
!   14:13:20.250 generations.create: POST /v1/images/generations -> 400 prompt is required
                json {{"model": "gpt-image-2", "prompt": "", "negative_prompt": "dogs", \
"webhook": "http://h/?token=***"}}
!   14:13:20.250 uploads.create: POST /v1/uploads/images -> 400 missing or invalid file field: \
http: no such file
                nothing reads image
"""


def test_report_shows_what_went_wrong(labelled: FakeAPIMart) -> None:
    labelled.clock.freeze()
    labelled.clock.at(1_790_000_000.25)
    labelled.fail("uploads.create", "rate_limited")
    labelled.fail("tasks.get", "bad_gateway", optional=True)
    labelled.fail("tasks.get", "forbidden")
    upload(labelled)
    upload(labelled, PDF, "b.pdf")
    labelled.clock.advance(days=1)
    create(labelled, prompt="", negative_prompt="dogs", webhook="http://h/?token=s3cret")
    httpx.post(
        f"{labelled.base_url}/v1/uploads/images",
        headers=authorized(labelled),
        files={"image": ("a.jpg", JPEG)},
    )
    shown = re.sub(r" after [0-9.]+ s$", "", labelled.described_requests(), flags=re.MULTILINE)
    *lines, unmet = shown.split("\n")
    assert "\n".join(lines) == SHOWN.format(label=repr(LABEL), size=len(PDF)).strip()
    assert unmet.startswith("never met: <Rule tasks.get ")
    assert "error='forbidden'" in unmet
    labelled.rules.clear()


def test_report_has_the_worlds_of_other_keys(labelled: FakeAPIMart) -> None:
    other = labelled.another()
    upload(other)
    first, second, *_ = labelled.described_requests().split("\n")
    assert (first, second) == (f"{LABEL!r}: 0 requests", repr(f"{LABEL} (2)") + ": 1 request")


def test_report_is_bounded(labelled: FakeAPIMart) -> None:
    for number in range(40):
        create(labelled, prompt=f"{number} " + "x" * 5000)
    for _ in range(12):
        labelled.another()
        labelled.fail("tasks.get", "forbidden")
    lines = labelled.described_requests().split("\n")
    assert max(map(len, lines)) <= 200
    assert lines[1] == "    … 10 earlier ones"
    assert sum("generations.create" in line for line in lines) == 30
    assert '"prompt": "39 xxx' in lines[62]
    assert sum(line.startswith("never met") for line in lines) == 10
    assert "… and 2 rules more" in lines
    assert lines[-1] == "… and 3 worlds more"
    labelled.rules.clear()


@given(st.text(max_size=300))
def test_report_prints_what_was_sent_on_lines_of_its_own(server: ServerThread, text: str) -> None:
    with FakeAPIMart(server.url) as world:
        create(world, prompt=text.encode("utf-8", "replace").decode())
        name = text.replace('"', "").replace("\\", "").encode("utf-8", "replace").decode()
        upload(world, name=name or "a")
        lines = world.described_requests().split("\n")
        assert all(line.isprintable() and len(line) <= 200 for line in lines)
        assert len(lines) <= 8


def test_report_of_a_server_that_does_not_answer_says_so() -> None:
    world = FakeAPIMart("http://127.0.0.1:1", label="a test")
    assert world.described_requests().startswith("'a test': unknown: http://127.0.0.1:1 does not")
    assert FakeAPIMart(label="a test").described_requests().startswith("'a test': unknown: the")


def test_title_cuts_a_key() -> None:
    assert report.title_of(FakeAPIMart("http://x", "sk-" + "a" * 100)) == "key sk-aaaaaaaaa…"


def test_world_whose_server_is_away_is_not_opened() -> None:
    with pytest.raises(ControlError, match="does not answer"):
        FakeAPIMart("http://127.0.0.1:1", label="a test").open()
