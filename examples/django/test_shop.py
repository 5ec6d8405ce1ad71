"""Tests of the views, with pytest-django: its `client` and `settings`, and our `apimart`."""

from __future__ import annotations

import pytest
from django.test import Client
from fake_apimart_testing import FakeAPIMart
from pytest_django.fixtures import Settings


@pytest.fixture(autouse=True)
def no_real_apimart(apimart: FakeAPIMart, settings: Settings) -> None:
    """Point the project at the fake: Django has read the environment before any test began."""
    settings.APIMART_BASE_URL = apimart.base_url
    settings.APIMART_API_KEY = apimart.api_key


def test_picture_is_drawn_while_the_page_asks_for_it(apimart: FakeAPIMart, client: Client) -> None:
    apimart.pace(polls=1)
    task = client.get("/draw", {"prompt": "a cat"}).json()["task"]
    answers = [client.get(f"/drawings/{task}") for _ in range(3)]
    assert [answer.status_code for answer in answers][-1] == 200
    assert answers[0].status_code == 202
    assert apimart.tasks[0].prompt == "a cat"


def test_failed_picture_is_explained(apimart: FakeAPIMart, client: Client) -> None:
    apimart.pace(seconds=0)
    apimart.tasks_fail("no cats today")
    task = client.get("/draw", {"prompt": "a cat"}).json()["task"]
    answer = client.get(f"/drawings/{task}")
    assert (answer.status_code, answer.json()) == (502, {"sorry": "no cats today"})
