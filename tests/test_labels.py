"""`X-Fake-Label`: any client says what the world of its key is called, and no answer changes."""

from __future__ import annotations

import socket

import httpx
import pytest
from fake_apimart.state.memory.saved_states import KEY_PREFIX
from fake_apimart.worlds.world import MAX_LABEL_CHARACTERS, as_label, check_label
from fake_apimart_storage import ObjectInfo, StorageError
from fake_apimart_storage.memory import MemoryStorage, MemoryWriter
from fake_apimart_testing import FakeAPIMart
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.conftest import Places, StartServer
from tests.harness import JPEG, ServerThread, read_to_end
from tests.profiles import examples
from tests.worlds import authorized

LABEL = "X-Fake-Label"


def label_of(world: FakeAPIMart) -> str:
    answer = httpx.get(f"{world.base_url}/_fake/world", headers=authorized(world))
    return str(answer.json()["label"])


def ask(
    world: FakeAPIMart, label: str | bytes, path: str = "/v1/balance", method: str = "GET"
) -> httpx.Response:
    value = label if isinstance(label, bytes) else label.encode()
    sent = httpx.Headers([*authorized(world).items()])
    headers = [*sent.raw, (LABEL.encode(), value)]
    return httpx.request(method, world.base_url + path, headers=headers)


def test_world_is_called_what_a_request_says(places: Places) -> None:
    here, there = places
    assert ask(here, "checkout: 猫").status_code == 200
    assert [label_of(here), label_of(there)] == ["checkout: 猫", "checkout: 猫"]
    assert ask(there, "another").status_code == 200
    assert label_of(here) == "another"
    httpx.get(f"{here.base_url}/v1/balance", headers=authorized(here))
    assert label_of(here) == "another"
    here.reset()
    assert label_of(there) == ""


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/v1/models", "GET", 200),
        ("/v1/tasks/nothing", "GET", 400),
        ("/v1/images/generations", "POST", 400),
        ("/v1/uploads/images", "POST", 400),
    ],
)
def test_any_operation_labels_even_if_it_fails(
    path: str, method: str, status: int, world: FakeAPIMart
) -> None:
    assert ask(world, "mine", path, method).status_code == status
    assert label_of(world) == "mine"


def test_request_that_a_rule_answers_labels(world: FakeAPIMart) -> None:
    world.fail("balance.get", status=418)
    assert ask(world, "mine").status_code == 418
    assert label_of(world) == "mine"


SENT = [
    (b"plain", "plain"),
    ("täst [1]".encode(), "täst [1]"),
    (b"", ""),
    (b"a\tb", "a?b"),
    (b"\xff", "\ufffd"),
    (b"t\xe4st", "t\ufffdst"),
    ("a\u202eb\u200bc\u2028".encode(), "a?b?c"),
    (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    (b"x" * 5000, "x" * MAX_LABEL_CHARACTERS),
    ("猫".encode() * 300, "猫" * MAX_LABEL_CHARACTERS),
]


@pytest.mark.parametrize(("sent", "kept"), SENT)
def test_label_is_kept_as_it_may_stand_in_a_log(
    sent: bytes, kept: str, world: FakeAPIMart, server: ServerThread
) -> None:
    with socket.create_connection(server.address) as sock:
        head = f"GET /v1/balance HTTP/1.1\r\nHost: x\r\nAuthorization: {world.api_key}\r\n"
        sock.sendall(head.encode() + b"Connection: close\r\nX-Fake-Label: " + sent + b"\r\n\r\n")
        assert read_to_end(sock).startswith(b"HTTP/1.1 200 ")
    assert label_of(world) == kept


@given(
    st.binary(max_size=400)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))
)
@hypothesis_settings(max_examples=examples(200), deadline=None)
def test_whatever_is_sent_is_a_label(sent: bytes) -> None:
    label = as_label(sent)
    assert check_label(label) == label
    assert as_label(label.encode()) == label


def test_nothing_empties_a_label(world: FakeAPIMart) -> None:
    ask(world, "mine")
    ask(world, "")
    assert label_of(world) == "mine"


def test_key_that_is_refused_labels_nothing(start_server: StartServer) -> None:
    server = start_server(api_keys="good")
    bad, good = FakeAPIMart(server.url, "bad"), FakeAPIMart(server.url, "good")
    assert ask(bad, "mine").status_code == 401
    assert ask(good, "mine", "/v1/nothing").status_code == 404
    httpx.get(f"{server.url}/v1/balance", headers={LABEL: "mine"})
    worlds = httpx.get(f"{server.url}/_fake/worlds").json()["worlds"]
    assert [each["label"] for each in worlds] == ["", ""]
    assert httpx.get(f"{server.url}/_fake/world").json()["label"] == ""


class Watched(MemoryStorage):
    """Counts the states of worlds that are written; they fail where `fails` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.states = 0
        self.fails = False

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        if info.key.startswith(KEY_PREFIX):
            self.states += 1
            if self.fails:
                raise StorageError("the disk is full")
        return super().writer(info)


def test_label_is_written_once(start_server: StartServer) -> None:
    storage = Watched()
    world = FakeAPIMart(start_server(on=storage).url)
    for _ in range(5):
        ask(world, "mine")
    assert storage.states == 1


def test_answer_is_the_same_where_the_label_cannot_be_kept(start_server: StartServer) -> None:
    storage = Watched()
    storage.fails = True
    world = FakeAPIMart(start_server(on=storage).url)
    files = {"file": ("a.jpg", JPEG)}
    headers = {**authorized(world), LABEL: "mine"}
    for _ in range(2):
        answer = httpx.post(f"{world.base_url}/v1/uploads/images", headers=headers, files=files)
        assert answer.status_code == 200, answer.text
    assert label_of(world) == ""


def test_nobody_reads_a_label_without_the_control_api(start_server: StartServer) -> None:
    storage = Watched()
    world = FakeAPIMart(start_server(on=storage, control=False).url, "key")
    assert ask(world, "mine").status_code == 200
    assert storage.states == 0


def test_page_of_another_origin_may_send_a_label(world: FakeAPIMart) -> None:
    asked = "authorization,content-type,x-fake-label"
    headers = {
        "Origin": "https://page.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": asked,
    }
    answer = httpx.options(f"{world.base_url}/v1/uploads/images", headers=headers)
    assert answer.headers["Access-Control-Allow-Headers"] == asked
