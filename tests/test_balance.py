"""A key with hardly anything left is refused, but for what shows its last result."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_apimart.callbacks.pending import KEY_PREFIX
from fake_apimart.contract.operations import BY_NAME, KEYED

from tests.conftest import StartServer
from tests.generating import NOW, VERSION, create, poll, task_id_of, upload
from tests.harness import AUTHORIZED, JPEG, PNG, ServerThread, StoppedClock
from tests.test_admission import CALLS, CountingStorage

POLL = "/v1/tasks/task_x"
REFUSED = [
    (method, path)
    for method, path in CALLS
    if path.startswith("/v1/")
    and not path.endswith("/balance")
    and path not in (POLL, "/v1/images/generations/task_x")
]
LET_IN = [call for call in CALLS if call not in REFUSED]
MESSAGE = re.compile(
    r"\[token_id=(\d+)\] insufficient balance "
    r"\(current: (\d+\.\d{6}) USD, required: 0\.050000 USD\) \(request id: (\w+)\)"
)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return the key's number and what is left, as the refusal states them."""
    assert answer.status_code == 402, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert list(error) == ["code", "message", "param", "type"]
    match = MESSAGE.fullmatch(error.pop("message"))
    assert match is not None, answer.text
    assert match[3] == answer.headers["x-oneapi-request-id"]
    assert error == {"code": "", "param": "", "type": "apimart_error"}
    return int(match[1]), match[2]


@pytest.mark.parametrize("dialect", ["page", "live"])
@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_each_operation_is_refused_with_less_than_the_minimum(
    method: str, path: str, dialect: str, start_server: StartServer
) -> None:
    server = start_server(balance=0.01357, dialect=dialect)
    answer = httpx.request(method, server.url + path, headers=AUTHORIZED)
    if dialect == "live" and answer.status_code == 404:
        assert path.startswith("/v1/images/generations/")
        return
    assert refusal(answer)[1] == "0.013570"


@pytest.mark.parametrize(("method", "path"), LET_IN)
def test_poll_and_balance_are_let_in_with_nothing(
    method: str, path: str, start_server: StartServer
) -> None:
    answer = httpx.request(method, start_server(balance=0).url + path, headers=AUTHORIZED)
    assert answer.status_code == (400 if "task_x" in path else 200)


def test_table_says_what_is_let_in_with_nothing() -> None:
    free = [name for name in KEYED if not BY_NAME[name].needs_balance]
    assert free == ["tasks.get", "balance.get"]
    for name in KEYED:
        assert ("insufficient_balance" in BY_NAME[name].faults) is (name not in free)


@pytest.mark.parametrize(
    ("balance", "status"), [(0.05, 200), (0.0500001, 200), (0.0499, 402), (0, 402), (1e9, 200)]
)
def test_exactly_the_minimum_is_enough(
    balance: float, status: int, start_server: StartServer
) -> None:
    server = start_server(balance=balance)
    assert httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED).status_code == status


def test_number_of_a_key_is_its_own_and_outlives_a_restart(
    tmp_path: Path, start_server: StartServer
) -> None:
    def numbers() -> list[int]:
        server = start_server(storage=f"dir:{tmp_path}", balance=0)
        url = f"{server.url}/v1/models"
        keys = ("Bearer a", "a", "Bearer b")
        return [refusal(httpx.get(url, headers={"Authorization": key}))[0] for key in keys]

    first = numbers()
    assert first[0] == first[1] != first[2]
    assert numbers() == first


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [({}, "/v1/models", 401), (AUTHORIZED, "/v1/nothing", 404), (AUTHORIZED, "/v1/models/", 301)],
)
def test_key_and_route_come_first(
    headers: dict[str, str], path: str, status: int, start_server: StartServer
) -> None:
    server = start_server(balance=0)
    assert httpx.get(server.url + path, headers=headers).status_code == status


def test_balance_comes_before_the_rate_and_the_body(start_server: StartServer) -> None:
    server = start_server(balance=0, rate_limit="1/hour")
    for _ in range(3):
        answer = httpx.post(f"{server.url}/v1/uploads/images", headers=AUTHORIZED, content=b"x")
        refusal(answer)


def test_refusal_takes_the_versioned_form(start_server: StartServer) -> None:
    answer = create(start_server(balance=0), VERSION)
    assert answer.status_code == 402
    assert list(answer.json()) == ["request_id", "error"]
    assert MESSAGE.fullmatch(answer.json()["error"]["message"])


def test_costs_of_completed_tasks_bring_a_key_below_the_minimum(start_server: StartServer) -> None:
    clock = StoppedClock(NOW)
    server = start_server(clock=clock, balance=0.12, task_seconds=10)
    task_id = task_id_of(create(server))
    create(server, prompt="[fake: fail=no]")
    clock.advance(9)
    assert upload(server, JPEG)
    clock.advance(1)
    assert httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED).status_code == 200
    create(server)
    clock.advance(10)
    answer = httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED)
    assert refusal(answer)[1] == "0.020000"
    assert poll(server, task_id)["status"] == "completed"


def test_sum_of_costs_has_no_rounding_errors(start_server: StartServer) -> None:
    server = start_server(balance=0.15 + 0.1, task_seconds=0)
    for _ in range(4):
        create(server)
    assert httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED).status_code == 200


def test_task_paced_in_polls_costs_once_a_poll_ends_it(start_server: StartServer) -> None:
    server = start_server(balance=0.06, task_seconds=0, task_polls=1)
    task_id = task_id_of(create(server))
    statuses = []
    for _ in range(2):
        poll(server, task_id)
        statuses.append(httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED).status_code)
    assert statuses == [200, 402]


def test_costs_are_known_after_a_restart(tmp_path: Path, start_server: StartServer) -> None:
    settings: dict[str, Any] = {
        "storage": f"dir:{tmp_path}",
        "balance": 0.06,
        "task_seconds": 0,
    }
    create(start_server(**settings))
    restarted = start_server(**settings)
    answer = httpx.get(f"{restarted.url}/v1/models", headers=AUTHORIZED)
    assert refusal(answer)[1] == "0.010000"


class WatchedStorage(CountingStorage):
    """Records also what is listed."""

    def keys(self, prefix: str = "") -> AsyncIterator[str]:
        # At the start, the sweep of expired files lists all, and callbacks are looked for.
        if prefix and prefix != KEY_PREFIX:
            self.reads.append(f"{prefix}*")
        return super().keys(prefix)


def upload_to(server: ServerThread) -> None:
    answer = httpx.post(
        f"{server.url}/v1/uploads/images", headers=AUTHORIZED, files={"file": ("a.png", PNG)}
    )
    assert answer.status_code == 200


def test_first_upload_of_a_key_reads_its_world_alone_and_later_ones_nothing(
    start_server: StartServer,
) -> None:
    storage = WatchedStorage()
    server = start_server(on=storage)
    storage.reads.clear()
    upload_to(server)
    (read,) = storage.reads
    assert re.fullmatch(r"world/[0-9a-f]{32}", read)
    upload_to(server)
    task_id_of(create(server))
    storage.reads.clear()
    upload_to(server)
    assert storage.reads == []


def test_world_with_tasks_is_searched_for_them_once_after_a_restart(
    start_server: StartServer,
) -> None:
    storage = WatchedStorage()
    create(start_server(on=storage))
    restarted = start_server(on=storage)
    storage.reads.clear()
    upload_to(restarted)
    assert [each.partition("/")[0] for each in storage.reads] == ["world", "task", "task"]
    storage.reads.clear()
    upload_to(restarted)
    assert storage.reads == []
