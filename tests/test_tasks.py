"""Polls: the content of their answers, pacing, access, and several servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_apimart_storage.memory import MemoryStorage

from tests.conftest import StartServer
from tests.generating import NOW, PATH, create, picture_at, poll, task_id_of
from tests.harness import AUTHORIZED, ServerProcess, ServerThread, StoppedClock

BAD_KEY = "invalid character '}' looking for beginning of object key string"
BEFORE_THE_END = ["cost", "created", "estimated_time", "id", "progress", "status"]
COMPLETED = [
    *("actual_time", "completed", "cost", "created", "credits_cost", "estimated_time", "id"),
    *("progress", "result", "status"),
]
FAILED = [
    *("actual_time", "completed", "cost", "created", "credits_cost", "error", "estimated_time"),
    *("id", "progress", "status"),
]


def test_task_goes_from_pending_to_completed_with_time(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock, task_seconds=10)
    task_id = task_id_of(create(server))
    states = []
    for _ in range(11):
        data = poll(server, task_id)
        states.append((data["status"], data["progress"]))
        clock.advance(1)
    assert states == [
        ("pending", 0),
        ("pending", 0),
        *[("processing", progress) for progress in (20, 30, 40, 50, 60, 70, 80, 90)],
        ("completed", 100),
    ]


def test_unfinished_task_has_no_url_and_no_completion_time(start_server: StartServer) -> None:
    server = start_server(task_seconds=1000)
    answer = httpx.get(f"{server.url}/v1/tasks/{task_id_of(create(server))}", headers=AUTHORIZED)
    assert list(answer.json()) == ["code", "data"]
    assert list(answer.json()["data"]) == BEFORE_THE_END
    assert "http" not in answer.text


def test_completed_task_has_the_live_keys(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock, task_seconds=11)
    task_id = task_id_of(create(server, n=2))
    clock.advance(50)
    data = poll(server, task_id)
    assert list(data) == COMPLETED
    completed = int(NOW) + 11
    assert (data["created"], data["completed"], data["actual_time"]) == (int(NOW), completed, 11)
    assert (data["cost"], data["credits_cost"]) == (0.1, 1)
    images = data["result"]["images"]
    assert [list(image) for image in images] == [["expires_at", "url"]] * 2
    assert {image["expires_at"] for image in images} == {completed + 86_400}
    for number, image in enumerate(images):
        (url,) = image["url"]
        assert url.startswith(f"{server.url}/f/image/8256")
        assert url.endswith(f"-image_{task_id}_{number}.png")


def test_failed_task_has_an_error_object_and_costs_nothing(server: ServerThread) -> None:
    data = poll(server, task_id_of(create(server, prompt="[fake: seconds=0; fail=no cats today]")))
    assert list(data) == FAILED
    assert (data["status"], data["progress"], data["cost"], data["credits_cost"]) == (
        "failed",
        100,
        0,
        0,
    )
    assert data["error"] == {
        "code": "task_failed",
        "message": "no cats today",
        "param": "",
        "type": "task_failed",
    }


def test_message_of_a_failure_never_looks_like_a_url(server: ServerThread) -> None:
    data = poll(server, task_id_of(create(server, prompt="[fake: seconds=0; fail=HTTP 500]")))
    assert data["error"]["message"] == "failed: HTTP 500"


def test_server_may_let_tasks_fail(start_server: StartServer) -> None:
    server = start_server(task_seconds=0, task_failure="always")
    assert poll(server, task_id_of(create(server)))["error"]["message"] == "always"
    completed = create(server, metadata={"fake_apimart": {"outcome": "completed"}})
    assert poll(server, task_id_of(completed))["status"] == "completed"


def test_pace_may_be_set_in_polls(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock, task_seconds=0, task_polls=3)
    task_id = task_id_of(create(server))
    statuses = []
    for _ in range(5):
        statuses.append(poll(server, task_id)["status"])
        clock.advance(7)
    assert statuses == ["pending", "processing", "processing", "completed", "completed"]
    assert poll(server, task_id)["actual_time"] == 21


def test_slower_of_seconds_and_polls_decides(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock, task_seconds=10, task_polls=1)
    task_id = task_id_of(create(server))
    assert poll(server, task_id)["status"] == "pending"
    assert poll(server, task_id)["status"] != "completed"
    clock.advance(10)
    assert poll(server, task_id)["status"] == "completed"
    assert poll(server, task_id)["actual_time"] == 10


def test_task_at_once_is_completed_in_the_first_poll(start_server: StartServer) -> None:
    server = start_server(task_seconds=0)
    assert poll(server, task_id_of(create(server)))["status"] == "completed"


def test_result_is_gone_after_a_day(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock, task_seconds=10)
    task_id = task_id_of(create(server))
    clock.advance(10)
    url = poll(server, task_id)["result"]["images"][0]["url"][0]
    clock.advance(86_399)
    assert httpx.get(url).status_code == 200
    clock.advance(1)
    assert httpx.get(url).status_code == 403
    assert poll(server, task_id)["status"] == "completed"
    assert httpx.get(url).status_code == 403


def test_result_that_nobody_asked_for_in_time_is_never_drawn(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock, task_seconds=1)
    task_id = task_id_of(create(server))
    clock.advance(90_000)
    url = poll(server, task_id)["result"]["images"][0]["url"][0]
    assert httpx.get(url).status_code == 403
    assert isinstance(server.storage, MemoryStorage)
    assert [key.split("/")[0] for key in server.storage.objects] == ["world", "task"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "无效的任务ID"),
        ("?language=zh", "无效的任务ID"),
        ("?language=en", "Invalid task ID"),
        ("?language=ko", "Invalid task ID"),
        ("?language=", "Invalid task ID"),
    ],
)
@pytest.mark.parametrize("task_id", ["x", "task_01KT48E134GCG3W870HKHPVMNA", "task_%2e%2e", "%00"])
@pytest.mark.parametrize("path", ["/v1/tasks/", "/v1/images/generations/"])
def test_unknown_task_is_invalid_in_the_language_asked_for(
    query: str, message: str, task_id: str, path: str, client: httpx.Client
) -> None:
    answer = client.get(path + task_id + query)
    error = {"code": 400, "message": message, "type": "invalid_request_error"}
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_another_key_s_task_is_invalid(server: ServerThread) -> None:
    task_id = task_id_of(create(server))
    headers = {"Authorization": "Bearer another"}
    assert httpx.get(f"{server.url}/v1/tasks/{task_id}", headers=headers).status_code == 400


@pytest.mark.parametrize("path", ["/v1/tasks/x", "/v1/images/generations/x"])
def test_polls_ask_for_a_key(path: str, server: ServerThread) -> None:
    assert httpx.get(server.url + path).status_code == 401


def generation(server: ServerThread, task_id: str) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}{PATH}/{task_id}", headers=AUTHORIZED)
    body: dict[str, Any] = answer.json()
    return body


def test_page_s_route_repeats_the_main_fields_at_the_top_level(start_server: StartServer) -> None:
    server = start_server(task_seconds=0)
    completed = generation(server, task_id_of(create(server)))
    assert list(completed) == ["code", "data", "id", "status", "url"]
    assert completed["url"] == completed["data"]["result"]["images"][0]["url"][0]
    failed = generation(server, task_id_of(create(server, prompt="[fake: fail=no]")))
    assert list(failed) == ["code", "data", "fail_reason", "id", "status"]
    assert (failed["status"], failed["fail_reason"]) == ("failed", "no")
    pending = generation(server, task_id_of(create(server, prompt="[fake: seconds=99]")))
    assert list(pending) == ["code", "data", "id", "status"]


def test_page_s_route_does_not_exist_in_the_live_dialect(start_server: StartServer) -> None:
    server = start_server(dialect="live")
    answer = httpx.get(f"{server.url}{PATH}/x", headers=AUTHORIZED)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"Invalid URL (GET {PATH}/x)"


def batch(server: ServerThread, body: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/v1/tasks/batch", headers=AUTHORIZED, json=body)


def test_batch_lists_known_tasks_in_the_order_asked(server: ServerThread) -> None:
    ids = [task_id_of(create(server)) for _ in range(3)]
    answer = batch(server, {"task_ids": [ids[2], "x", ids[0], ids[1]]})
    assert [data["id"] for data in answer.json()["data"]] == [ids[2], ids[0], ids[1]]
    assert answer.json()["code"] == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "task_ids is required"),
        ([], "task_ids is required"),
        ({"task_ids": "x"}, "task_ids must be an array of strings"),
        ({"task_ids": [5]}, "task_ids must be an array of strings"),
        ({"task_ids": ["x"] * 101}, "task_ids exceeds max 100"),
    ],
)
def test_bad_batch_is_refused(body: Any, message: str, server: ServerThread) -> None:
    answer = batch(server, body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b'{"task_ids":[],}', BAD_KEY),
        (b"[" * 10_001, "invalid character '[' exceeded max depth"),
    ],
)
def test_batch_that_is_no_json_is_refused_in_go_s_words(
    body: bytes, message: str, server: ServerThread
) -> None:
    answer = httpx.post(f"{server.url}/v1/tasks/batch", headers=AUTHORIZED, content=body)
    error = {"code": 400, "message": message, "type": "invalid_request_error"}
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_ids_of_a_batch_may_be_named_in_any_case(server: ServerThread) -> None:
    task_id = task_id_of(create(server))
    body = {"task_ids": ["x"], "TASK_IDS": None, "ta\u017f\u212a_ids": [task_id]}
    (data,) = batch(server, body).json()["data"]
    assert data["id"] == task_id


def test_two_servers_on_one_folder_answer_for_each_other(
    tmp_path: Path, start_server: StartServer
) -> None:
    clock = StoppedClock(NOW)
    one, other = (
        start_server(storage=f"dir:{tmp_path}", clock=clock, task_seconds=5, public_url="http://x")
        for _ in range(2)
    )
    task_id = task_id_of(create(one))
    assert poll(other, task_id) == poll(one, task_id)
    clock.advance(6)
    assert poll(other, task_id) == poll(one, task_id)
    url = poll(one, task_id)["result"]["images"][0]["url"][0]
    for server in (one, other):
        assert picture_at(url.replace("http://x", server.url)).size == (1024, 1024)


def test_polls_are_counted_over_all_servers(tmp_path: Path, start_server: StartServer) -> None:
    one, other = (
        start_server(storage=f"dir:{tmp_path}", task_seconds=0, task_polls=2) for _ in range(2)
    )
    task_id = task_id_of(create(one))
    statuses = [poll(server, task_id)["status"] for server in (one, other, one)]
    assert statuses == ["pending", "processing", "completed"]


@pytest.mark.subprocess
def test_task_survives_a_restart(tmp_path: Path) -> None:
    flags = ("--storage", f"dir:{tmp_path}", "--task-seconds", "1")
    with ServerProcess(*flags) as server:
        created = httpx.post(
            server.url + PATH, headers=AUTHORIZED, json={"model": "m", "prompt": "a cat"}
        )
        task_id = task_id_of(created)
    with ServerProcess(*flags) as server:
        data: dict[str, Any] = {"status": ""}
        while data["status"] != "completed":
            url = f"{server.url}/v1/tasks/{task_id}"
            data = httpx.get(url, headers=AUTHORIZED).json()["data"]
        assert picture_at(data["result"]["images"][0]["url"][0]).size == (1024, 1024)


def test_store_that_fails_is_a_503_in_the_documented_form(
    tmp_path: Path, start_server: StartServer
) -> None:
    root = tmp_path / "data"
    server = start_server(storage=f"dir:{root}")
    root.rename(tmp_path / "away")
    answer = create(server)
    assert answer.status_code == 503
    assert list(answer.json()["error"]) == ["code", "message", "type"]
    assert answer.json()["error"]["type"] == "service_unavailable"
