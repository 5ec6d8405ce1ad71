"""Magic keys: API keys whose name configures their world."""

from __future__ import annotations

import time

import pytest
from fake_apimart.worlds.magic_keys import FAILURE, NAMES, ORDINARY, SLOW_SECONDS, magic_of
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import ServerThread
from tests.worlds import balance, create, created, poll, upload


def world_of(server: ServerThread, name: str) -> FakeAPIMart:
    return FakeAPIMart(server.url, f"sk-fake-{name}")


@pytest.mark.parametrize(
    ("name", "upload_status", "create_status"),
    [
        ("rate-limited", 429, 429),
        ("invalid", 401, 401),
        ("no-balance", 402, 402),
        ("upload-500", 500, 200),
        ("tasks-fail", 200, 200),
        ("unheard-of", 200, 200),
    ],
)
@pytest.mark.parametrize("suffix", ["", "--mine"])
def test_name_says_how_calls_are_answered(
    name: str, suffix: str, upload_status: int, create_status: int, server: ServerThread
) -> None:
    with world_of(server, name + suffix) as world:
        for _ in range(2):
            assert upload(world).status_code == upload_status
            assert create(world).status_code == create_status


def test_tasks_of_a_key_fail(server: ServerThread) -> None:
    with world_of(server, "tasks-fail") as world:
        world.pace(seconds=0)
        assert poll(world, created(world))["error"]["message"] == FAILURE


def test_key_is_slow(server: ServerThread) -> None:
    with world_of(server, "slow--1") as world:
        started = time.monotonic()
        created(world)
        assert time.monotonic() - started >= SLOW_SECONDS


def test_reset_returns_to_what_the_name_says(server: ServerThread) -> None:
    with world_of(server, "no-balance--reset") as world:
        world.balance(5)
        world.fail("uploads.create", "forbidden", optional=True)
        assert create(world).status_code == 200
        world.reset()
        assert balance(world)["remain_balance"] == 0
        assert upload(world).status_code == 402


def test_rules_of_the_name_outlive_those_of_the_test(server: ServerThread) -> None:
    with world_of(server, "upload-500--rules") as world:
        world._control.call("DELETE", "faults")
        assert upload(world).status_code == 500


def test_fake_keys_are_good_where_others_are_listed(start_server: StartServer) -> None:
    server = start_server(api_keys="good")
    for key, status in (("good", 200), ("bad", 401), ("sk-fake-any", 200)):
        assert upload(FakeAPIMart(server.url, key)).status_code == status


def test_names_are_parsed() -> None:
    assert magic_of("sk-fake-slow") is NAMES["slow"]
    assert magic_of("sk-fake-slow--a--b") is NAMES["slow"]
    for key in ("sk-fake-slowly", "slow", "sk-fake-", "SK-FAKE-slow", "sk-fake-slow-x"):
        assert magic_of(key) is ORDINARY


@pytest.mark.parametrize("dialect", ["page", "live"])
def test_key_has_a_dialect(dialect: str, start_server: StartServer) -> None:
    for of_server in ("page", "live"):
        server = start_server(dialect=of_server)
        with world_of(server, f"{dialect}--x") as world:
            assert ("id" in create(world).json()) is (dialect == "page")
