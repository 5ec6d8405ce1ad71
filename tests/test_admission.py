"""The order of the checks on a request: key, world, rules, rate limit, operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fake_apimart.contract.operations import KEYED, OPERATIONS
from fake_apimart.settings.settings import Settings
from fake_apimart_storage import StorageError
from fake_apimart_storage.memory import MemoryObject, MemoryStorage

from tests.conftest import StartServer
from tests.harness import PNG, ServerThread

GOOD = {"Authorization": "Bearer good"}
WRONG = {"Authorization": "Bearer wrong"}
REFUSED: list[dict[str, str]] = [{}, WRONG]


class CountingStorage(MemoryStorage):
    """A storage that records its reads, and fails them while `is_away`."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.is_away = False

    async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
        self.reads.append(key)
        if self.is_away:
            raise StorageError("the store went away")
        return await super().get(key, with_bytes=with_bytes)


@pytest.fixture
def storage() -> CountingStorage:
    return CountingStorage()


@pytest.fixture
def guarded(storage: CountingStorage, start_server: StartServer) -> ServerThread:
    """Start a server that knows one key, on the storage of the test."""
    return start_server(on=storage, api_keys="good")


@pytest.fixture(scope="module")
def away() -> Iterator[tuple[ServerThread, CountingStorage]]:
    """Start a server that knows one key, and whose storage fails all reads after the start."""
    storage = CountingStorage()
    settings = Settings(port=0, storage="memory://", api_keys=frozenset({"good"}))
    with ServerThread(settings, storage) as running:
        storage.is_away = True
        storage.reads.clear()
        yield running, storage


CALLS = [
    (method, path.replace("{task_id}", "task_x").replace("{model:anything}", "m"))
    for operation in OPERATIONS
    if operation.name in KEYED
    for path in operation.paths
    for method in operation.methods
]


@pytest.mark.parametrize("headers", REFUSED, ids=["no key", "wrong key"])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_refused_key_reads_nothing_from_the_storage(
    method: str,
    path: str,
    headers: dict[str, str],
    away: tuple[ServerThread, CountingStorage],
) -> None:
    server, storage = away
    answer = httpx.request(method, server.url + path, headers=headers)
    assert answer.status_code == 401
    assert storage.reads == []


@pytest.mark.parametrize("headers", [*REFUSED, GOOD], ids=["no key", "wrong key", "good key"])
def test_unknown_path_reads_nothing_from_the_storage(
    headers: dict[str, str], away: tuple[ServerThread, CountingStorage]
) -> None:
    server, storage = away
    assert httpx.get(f"{server.url}/v1/nope", headers=headers).status_code == 404
    assert storage.reads == []


def test_good_key_whose_world_cannot_be_read_is_a_failure_of_the_store(
    guarded: ServerThread, storage: CountingStorage
) -> None:
    storage.is_away = True
    url = f"{guarded.url}/v1/uploads/images"
    answer = httpx.post(url, headers=GOOD, files={"file": ("a.png", PNG)})
    assert answer.json()["error"]["message"] == "failed to upload image"
    storage.is_away = False
    assert httpx.post(url, headers=GOOD, files={"file": ("a.png", PNG)}).status_code == 200


def journal(server: ServerThread, headers: dict[str, str]) -> list[tuple[str, int]]:
    found = httpx.get(f"{server.url}/_fake/requests", headers=headers).json()["requests"]
    return [(each["path"], each["status"]) for each in found]


def test_refused_key_keeps_its_journal(guarded: ServerThread) -> None:
    httpx.get(f"{guarded.url}/v1/models", headers=WRONG)
    httpx.get(f"{guarded.url}/v1/nope", headers=WRONG)
    assert journal(guarded, WRONG) == [("/v1/models", 401), ("/v1/nope", 404)]
    assert journal(guarded, GOOD) == []


def test_world_of_a_refused_key_keeps_its_settings_over_a_restart(
    storage: CountingStorage, start_server: StartServer
) -> None:
    server = start_server(on=storage, api_keys="good")
    headers = {**WRONG, "Content-Type": "application/json"}
    httpx.patch(f"{server.url}/_fake/world", headers=headers, json={"balance": 7})
    restarted = start_server(on=storage, api_keys="good")
    assert httpx.get(f"{restarted.url}/v1/models", headers=WRONG).status_code == 401
    world = httpx.get(f"{restarted.url}/_fake/world", headers=WRONG).json()
    assert world["own_settings"] == {"balance": 7}


def write_rule(server: ServerThread, headers: dict[str, str], **rule: Any) -> None:
    headers = {**headers, "Content-Type": "application/json"}
    url = f"{server.url}/_fake/faults"
    assert httpx.post(url, headers=headers, json={"times": None, **rule}).status_code == 200


@pytest.mark.parametrize("headers", REFUSED, ids=["no key", "wrong key"])
@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({"error": "service_unavailable"}, 503),
        ({"status": 418}, 418),
        ({"error": "forbidden"}, 401),
    ],
)
def test_rules_of_the_whole_server_come_before_a_refused_key(
    rule: dict[str, Any], status: int, headers: dict[str, str], guarded: ServerThread
) -> None:
    write_rule(guarded, {}, operation="models.list", **rule)
    answer = httpx.get(f"{guarded.url}/v1/models", headers=headers)
    assert answer.status_code == status


def test_rules_of_its_world_come_behind_a_refused_key(guarded: ServerThread) -> None:
    write_rule(guarded, WRONG, operation="models.list", error="service_unavailable")
    assert httpx.get(f"{guarded.url}/v1/models", headers=WRONG).status_code == 401


def test_rules_come_before_the_rate_is_counted(start_server: StartServer) -> None:
    server = start_server(rate_limit="1/hour", api_keys="good")
    write_rule(server, GOOD, operation="uploads.create", error="forbidden", times=3)
    url = f"{server.url}/v1/uploads/images"
    statuses = [
        httpx.post(url, headers=GOOD, files={"file": ("a.png", PNG)}).status_code for _ in range(5)
    ]
    assert statuses == [403, 403, 403, 200, 429]


def test_refused_key_does_not_count_against_a_rate(start_server: StartServer) -> None:
    server = start_server(rate_limit="1/hour", api_keys="good")
    url = f"{server.url}/v1/uploads/images"
    for _ in range(3):
        assert httpx.post(url, headers=WRONG).status_code == 401
