"""Tests of the tasks, in a real worker: a thread beside the tests, with a broker in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from celery.contrib.testing.worker import start_worker
from drawing import app, begin, finish
from fake_apimart_testing import FakeAPIMart


@pytest.fixture(scope="module", autouse=True)
def worker() -> Iterator[None]:
    app.conf.broker_transport_options = {"polling_interval": 0.01}
    with start_worker(app, perform_ping_check=False):
        yield


@pytest.fixture(autouse=True)
def no_real_apimart(apimart: FakeAPIMart, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the worker at the fake; it is a thread of this process, and shares its environment."""
    apimart.env.setenv(monkeypatch)


def test_picture_is_drawn(apimart: FakeAPIMart) -> None:
    apimart.pace(polls=2)
    url = (begin.s("a cat") | finish.s()).delay().get(timeout=30, interval=0.01)
    assert requests.get(url, timeout=30).content.startswith(b"\x89PNG")
    assert len(apimart.requests.matching(operation="tasks.get")) >= 2


def test_broken_connection_is_tried_again(apimart: FakeAPIMart) -> None:
    rule = apimart.fail("generations.create", socket="reset_after_reading", times=2)
    assert begin.delay("a cat").get(timeout=30, interval=0.01)
    assert rule.used == 2
    assert len(apimart.tasks) == 1


def test_request_of_the_worker_is_waited_for(apimart: FakeAPIMart) -> None:
    begin.delay("a cat")
    (sent,) = apimart.requests.wait_for("generations.create", timeout=30)
    assert sent.json["prompt"] == "a cat"
