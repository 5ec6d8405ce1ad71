"""The account of a world: what it has spent, at a cost that does not grow with its tasks."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fake_apimart.state.memory import account as accounting
from fake_apimart.state.memory.account import Account
from fake_apimart.tasks.state import Polls, state_of
from fake_apimart.tasks.task import Task
from fake_apimart_storage import StorageError
from fake_apimart_storage.memory import MemoryObject
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.generating import NOW, create, poll, task_id_of
from tests.harness import AUTHORIZED, StoppedClock
from tests.test_admission import CountingStorage

CREATED_MS = 1_743_436_800_250


def task_of(task_id: str = "task_1", **fields: Any) -> Task:
    """Return a task that costs 0.05; `fields` override the rest."""
    plan = dict.fromkeys(Task.__dataclass_fields__, 0) | {
        "id": task_id,
        "created_ms": CREATED_MS,
        "failure": None,
        "cost": 0.05,
        "image_keys": (),
        "reference_keys": (),
    }
    return Task(**plan | fields)


@given(st.floats(0, 86_400) | st.sampled_from([0.0005, 1.1, 0.29, 1e-9]))
def test_cost_is_counted_in_the_millisecond_in_which_a_poll_says_completed(seconds: float) -> None:
    task = task_of(seconds=seconds)
    end = round(CREATED_MS + seconds * 1000)
    for now in range(max(CREATED_MS, end - 2), end + 3):
        account = Account()
        account.add(task)
        account.settle(now)
        is_completed = state_of(task, now, Polls()).completed_ms is not None
        assert account.spent == (0.05 if is_completed else 0)


def test_failed_task_is_never_counted() -> None:
    account = Account()
    account.add(task_of(failure="no"))
    account.settle(CREATED_MS)
    assert (account.spent, account.committed) == (0, 0)


def test_task_whose_last_poll_comes_before_its_time_is_looked_up_at_its_end() -> None:
    account = Account()
    account.add(task_of(seconds=1, polls=1))
    account.note_last_poll("task_1")
    account.settle(CREATED_MS)
    assert account.take_to_look_up() == []
    account.settle(CREATED_MS + 1000)
    assert account.take_to_look_up() == ["task_1"]
    account.decide("task_1")
    account.decide("task_1")
    assert account.spent == 0.05


def test_tasks_that_wait_for_polls_are_looked_up_in_turn_and_few_at_once() -> None:
    account = Account()
    ids = {f"task_{number}" for number in range(35)}
    for task_id in ids:
        account.add(task_of(task_id, polls=1))
    account.settle(CREATED_MS)
    seen = [account.take_to_look_up() for _ in range(4)]
    assert set().union(*seen) == ids
    assert all(len(each) == accounting.CHECKED_AT_ONCE for each in seen)


def test_polls_of_tasks_that_are_decided_or_unknown_leave_nothing() -> None:
    account = Account()
    account.add(task_of(polls=1))
    account.settle(CREATED_MS)
    account.take_to_look_up()
    account.decide("task_1")
    for task_id in ("task_1", "task_2"):
        account.note_last_poll(task_id)
    assert account.take_to_look_up() == []


def test_create_reads_no_more_where_many_tasks_wait_for_polls(start_server: StartServer) -> None:
    storage = CountingStorage()
    server = start_server(on=storage, task_seconds=0, task_polls=1, balance=5.05)
    reads = []
    for _ in range(100):
        storage.reads.clear()
        task_id_of(create(server))
        reads.append(len(storage.reads))
    assert max(reads) <= 3 * accounting.CHECKED_AT_ONCE
    assert reads[-1] <= max(reads[90:99])


def test_last_poll_counts_at_once_among_many_waiting_tasks(start_server: StartServer) -> None:
    server = start_server(task_seconds=0, task_polls=1, balance=5.05)
    ids = [task_id_of(create(server)) for _ in range(100)]
    for task_id in ids:
        for _ in range(2):
            poll(server, task_id)
    balance = httpx.get(f"{server.url}/v1/balance", headers=AUTHORIZED).json()
    assert balance["used_balance"] == pytest.approx(5.0)
    assert httpx.get(f"{server.url}/v1/models", headers=AUTHORIZED).status_code == 200
    poll(server, task_id_of(create(server)))


def test_large_account_is_settled_without_being_asked(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounting, "MAX_RUNNING", 5)
    sizes = []
    add = Account.add

    def add_and_note(self: Account, task: Task, **options: bool) -> None:
        add(self, task, **options)
        sizes.append(len(self._running))

    monkeypatch.setattr(Account, "add", add_and_note)
    server = start_server(task_seconds=0)
    for _ in range(20):
        create(server)
    assert max(sizes) <= 6


class FailingReads(CountingStorage):
    """Cannot read the polls of tasks while `fails`."""

    fails = False

    async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
        if self.fails and key.startswith("polls/"):
            raise StorageError("away")
        return await super().get(key, with_bytes=with_bytes)


def test_store_that_fails_loses_no_cost(start_server: StartServer) -> None:
    storage = FailingReads()
    clock = StoppedClock(NOW)
    server = start_server(on=storage, clock=clock, task_seconds=0, task_polls=1)
    task_id = task_id_of(create(server))
    poll(server, task_id)
    poll(server, task_id)
    url = f"{server.url}/v1/balance"
    storage.fails = True
    assert httpx.get(url, headers=AUTHORIZED).status_code == 503
    storage.fails = False
    assert httpx.get(url, headers=AUTHORIZED).json()["used_balance"] == pytest.approx(0.05)


def test_many_that_ask_at_once_count_a_cost_once(start_server: StartServer) -> None:
    server = start_server(task_seconds=0, task_polls=1)
    task_id = task_id_of(create(server))
    poll(server, task_id)
    poll(server, task_id)

    async def ask() -> list[float]:
        async with httpx.AsyncClient(headers=AUTHORIZED) as client:
            url = f"{server.url}/v1/balance"
            answers = await asyncio.gather(*(client.get(url) for _ in range(8)))
        return [answer.json()["used_balance"] for answer in answers]

    assert asyncio.run(ask()) == [0.05] * 8
