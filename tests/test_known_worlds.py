"""The operator's view of worlds: which there are, and driving one by its id without its key."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from fake_apimart.common.clock import SystemClock
from fake_apimart.common.stored_json import write_json
from fake_apimart.files.index import FileIndex
from fake_apimart.service.known_worlds import (
    MAX_WORLDS,
    AmbiguousWorld,
    KnownWorlds,
    NoWorldId,
    UnknownWorld,
    check_id,
)
from fake_apimart.state.location import MEMORY
from fake_apimart.state.memory.saved_states import key_of
from fake_apimart.tasks.store import TaskStore
from fake_apimart.worlds.world import name_of
from fake_apimart_storage import Storage
from fake_apimart_storage.memory import MemoryStorage
from fake_apimart_testing import FakeAPIMart

from tests.asgi_calls import ask, body, head, running
from tests.conftest import Places, StartServer
from tests.harness import JPEG
from tests.shared_states import Server, server_on
from tests.worlds import authorized, balance, create, created, upload

JSON = {"Content-Type": "application/json"}
OCTETS = {"Content-Type": "application/octet-stream"}
SOMEWHERE = ("192.168.0.7", 50000)
TOKEN = "the operator's"
RULE = {"operation": "models.list", "error": "rate_limited"}

ID_LENGTHS = [7, 8, 20, 32]


@pytest.fixture
def operator(places: Places) -> Iterator[httpx.Client]:
    """Yield a client of the second place that sends no key."""
    with httpx.Client(base_url=f"{places[1].base_url}/_fake/") as client:
        yield client


def name_of_world(world: FakeAPIMart) -> str:
    return name_of(world.api_key)


def message_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["message"])


def listed(operator: httpx.Client, **query: Any) -> dict[str, dict[str, Any]]:
    """Return the worlds that are listed, by their names."""
    answer = operator.get("worlds", params=query)
    assert answer.status_code == 200, answer.text
    return {each["world"]: each for each in answer.json()["worlds"]}


# A world by its id


@pytest.mark.parametrize("length", ID_LENGTHS)
def test_operator_reaches_a_world_by_any_beginning_of_its_name(
    length: int, places: Places, operator: httpx.Client
) -> None:
    upload(places[0])
    name = name_of_world(places[0])
    answer = operator.get("world", params={"world": name[:length]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["world"] == name


def test_each_call_drives_the_world_that_it_names(places: Places, operator: httpx.Client) -> None:
    world, name = places[0], name_of_world(places[0])
    file = upload(world).json()["url"].rpartition("/")[2]
    task = created(world, prompt="[fake: seconds=600]")

    def call(method: str, path: str, query: str = "", **options: Any) -> Any:
        answer = operator.request(method, f"{path}?world={name[:8]}{query}", **options)
        assert answer.status_code == 200, (path, answer.text)
        return answer

    assert call("PATCH", "world", json={"balance": 7, "label": "mine"}).json()["label"] == "mine"
    assert balance(world)["remain_balance"] == 7
    call("POST", "clock", json={"freeze": True})
    assert call("GET", "clock").json()["frozen"]
    call("POST", "faults", json=RULE)
    assert [rule["error"] for rule in call("GET", "faults").json()["faults"]] == ["rate_limited"]
    assert httpx.get(f"{world.base_url}/v1/models", headers=authorized(world)).status_code == 429
    call("DELETE", "faults", headers=JSON)
    assert httpx.get(f"{world.base_url}/v1/models", headers=authorized(world)).status_code == 200
    waited = call("GET", "requests/wait", "&operation=models.list&count=2&timeout=0").json()
    assert waited["satisfied"]
    assert len(call("GET", "requests", "&operation=models.list").json()["requests"]) == 2
    assert [each["name"] for each in call("GET", "uploads").json()["uploads"]] == [file]
    assert call("GET", f"uploads/{file}").content == JPEG
    call("POST", "uploads", "&filename=b.jpg", headers=OCTETS, content=JPEG)
    assert len(world.uploads) == 2
    assert not call("POST", f"uploads/{file}/expire", headers=JSON).json()["alive"]
    assert call("POST", f"tasks/{task}/complete", headers=JSON).json()["status"] == "completed"
    assert [each["id"] for each in call("GET", "tasks").json()["tasks"]] == [task]
    call("POST", "reset/journal", headers=JSON)
    assert len(world.requests) == 0
    assert call("POST", "reset", headers=JSON).json() == {"reset": name}
    assert len(world.uploads) == 0
    # A reset world is known still, one that is removed is not.
    assert call("DELETE", "world", headers=JSON).json() == {"removed": name}
    gone = operator.get("world", params={"world": name[:8]})
    assert (gone.status_code, message_of(gone)) == (404, f"there is no world {name[:8]}")


@pytest.mark.parametrize(
    "world_id",
    [
        *("", "server", "0123456", "g" * 8, "A" * 8, "a" * 33, "abcdef", " abcdef0", "*******"),
        *("abcdef0\n", "abcdef0?", "\u0661" * 8, "abcdef0-", "[0-9a-f]"),
    ],
)
def test_what_is_no_id_of_a_known_world_is_refused(
    world_id: str, places: Places, operator: httpx.Client
) -> None:
    upload(places[0])
    expected = (404, "there is no world 0123456") if world_id == "0123456" else (400, "world: ")
    for method, path in (("GET", "world"), ("PATCH", "world"), ("POST", "reset")):
        options: Any = {} if method == "GET" else {"headers": JSON}
        answer = operator.request(method, path, params={"world": world_id}, **options)
        assert answer.status_code == expected[0], (path, answer.text)
        assert message_of(answer).startswith(expected[1])
    assert len(places[0].uploads) == 1


def test_two_ids_are_refused(places: Places, operator: httpx.Client) -> None:
    upload(places[0])
    name = name_of_world(places[0])
    answer = operator.get("world", params=[("world", name), ("world", name)])
    assert (answer.status_code, message_of(answer)) == (400, "world: expected one")


@pytest.mark.parametrize("authorization", ["Bearer another", "another", "", "Basic x"])
def test_key_and_id_together_are_refused(
    authorization: str, places: Places, operator: httpx.Client
) -> None:
    upload(places[0])
    params = {"world": name_of_world(places[0])}
    for path in ("world", "requests", "uploads", "nothing", "contract", "metrics"):
        answer = operator.get(path, params=params, headers={"Authorization": authorization})
        assert (answer.status_code, "not both" in message_of(answer)) == (400, True), path


CALLS = [
    ("GET", "world"),
    ("PATCH", "world"),
    ("DELETE", "world"),
    ("POST", "reset"),
    ("POST", "reset/journal"),
    ("POST", "reset/faults"),
    ("GET", "clock"),
    ("POST", "clock"),
    ("GET", "faults"),
    ("POST", "faults"),
    ("DELETE", "faults"),
    ("GET", "requests"),
    ("GET", "requests/wait"),
    ("GET", "uploads"),
    ("GET", "uploads/a"),
    ("POST", "uploads"),
    ("POST", "uploads/a/expire"),
    ("GET", "tasks"),
    ("POST", "tasks/a/complete"),
    ("POST", "tasks/a/fail"),
    ("GET", "contract"),
    ("GET", "metrics"),
    ("GET", "nothing"),
]


@pytest.mark.parametrize("key", [None, "Bearer key"])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_nobody_but_the_operator_drives_a_world_by_its_id(
    method: str, path: str, key: str | None
) -> None:
    types = {"POST": "application/json", "PATCH": "application/json", "DELETE": "application/json"}
    content_type = "application/octet-stream" if (method, path) == CALLS[15] else types.get(method)

    async def use() -> None:
        async with running(admin_token=TOKEN) as app:
            name = name_of("key").encode()
            scope: dict[str, Any] = {"method": method, "path": f"/_fake/{path}"}
            await ask(app, path="/_fake/world")
            for token in (None, "another's"):
                headers = head(
                    authorization=key, content_type=content_type, x_fake_admin_token=token
                )
                for query in (b"world=" + name, b"world=nonsense", b"world=", b"a=1&world"):
                    scope["query_string"] = query
                    answer = await ask(app, body(b"{}"), **scope, headers=headers, client=SOMEWHERE)
                    assert answer.status == 403, (query, answer.body)

    asyncio.run(use())


def test_admin_token_opens_a_world_from_anywhere() -> None:
    async def use() -> None:
        async with running(admin_token=TOKEN) as app:
            await ask(app, path="/_fake/world")
            answer = await ask(
                app,
                path="/_fake/world",
                query_string=b"world=" + name_of("test-key")[:8].encode(),
                headers=head(authorization=None, x_fake_admin_token=TOKEN),
                client=SOMEWHERE,
            )
            assert (answer.status, answer.json()["world"]) == (200, name_of("test-key"))

    asyncio.run(use())


def known_on(server: Server) -> KnownWorlds:
    index = FileIndex(server.storage, is_shared=server.state.is_shared)
    tasks = TaskStore(server.storage, SystemClock(), server.state)
    return KnownWorlds(server.worlds, index, tasks)


def on_state(location: str, test: Any) -> None:
    async def run() -> None:
        storage: Storage = MemoryStorage()
        async with server_on(location, storage) as server:
            await test(server, known_on(server))

    asyncio.run(run())


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.subprocess)])
def location(request: pytest.FixtureRequest) -> str:
    """Return where a state is."""
    kind: str = request.param
    return MEMORY if kind == "memory" else str(request.getfixturevalue("redis_url"))


def test_id_that_several_worlds_have_names_them(location: str) -> None:
    async def test(server: Server, known: KnownWorlds) -> None:
        names = [f"{'0' * 8}{digit * 24}" for digit in "abcde"]
        for name in names:
            await server.worlds.enter(server.worlds.of_name(name), "models.list")
        with pytest.raises(AmbiguousWorld) as raised:
            await known.world_by_id("0" * 8)
        assert raised.value.names == names[:3]
        assert (await known.world_by_id(names[3][:9])).name == names[3]
        with pytest.raises(UnknownWorld):
            await known.world_by_id("0" * 9)

    on_state(location, test)


def test_ambiguous_id_is_answered_409_with_names(start_server: StartServer) -> None:
    storage = MemoryStorage()
    names = [f"{'0' * 8}{digit * 24}" for digit in "ab"]
    server = start_server(on=storage)

    async def use() -> None:
        for name in names:
            await write_json(storage, key_of(name), b'{"label":"x"}', 0, 10**10)

    asyncio.run(use())
    answer = httpx.get(f"{server.url}/_fake/world", params={"world": "0" * 7})
    assert answer.status_code == 409
    assert message_of(answer) == f"world: it may be {', '.join(names)}; give more digits"


@pytest.mark.parametrize(
    "text", ["", "abcdef", "A" * 8, "a" * 33, "abcdef0\n", "server", "\u0660" * 8]
)
def test_what_is_no_beginning_of_a_name_is_no_id(text: str) -> None:
    with pytest.raises(NoWorldId):
        check_id(text)


# All worlds


def test_worlds_are_listed_with_what_is_known_of_them(
    places: Places, operator: httpx.Client
) -> None:
    world = places[0]
    httpx.patch(
        f"{world.base_url}/_fake/world", headers=authorized(world), json={"label": "täst [1]"}
    )
    upload(world)
    upload(world)
    found = listed(operator)[name_of_world(world)]
    assert found.pop("last_used") == pytest.approx(world.clock.now, abs=20)
    # What a key's name means is known to the server alone that has had the key.
    assert found.pop("meaning") in ("an ordinary key", "")
    assert found == {
        "world": name_of_world(world),
        "id": name_of_world(world)[:8],
        "label": "täst [1]",
        "requests": 2,
    }


def test_worlds_are_listed_the_last_used_first(places: Places, operator: httpx.Client) -> None:
    worlds = [FakeAPIMart(places[0].base_url) for _ in range(3)]
    for world in (worlds[1], worlds[0], worlds[2], worlds[0]):
        upload(world)
    expected = [name_of_world(worlds[number]) for number in (0, 2, 1)]
    assert [name for name in listed(operator) if name in expected] == expected
    assert list(listed(operator, limit=2)) == expected[:2]
    # Looking at one is no use of it.
    operator.get("world", params={"world": expected[2]})
    operator.get("requests", params={"world": expected[2]})
    assert list(listed(operator, limit=2)) == expected[:2]
    for world in worlds:
        world.close()


def test_meaning_of_a_magic_key_is_listed(start_server: StartServer) -> None:
    server = start_server()
    with FakeAPIMart(server.url, "sk-fake-no-balance--1") as world:
        upload(world)
        with httpx.Client(base_url=f"{server.url}/_fake/") as operator:
            [found] = listed(operator).values()
    assert found["meaning"].startswith("nothing left")


@pytest.mark.parametrize("limit", ["0", "-1", str(MAX_WORLDS + 1), "x"])
def test_limit_of_the_list_is_checked(limit: str, start_server: StartServer) -> None:
    answer = httpx.get(f"{start_server().url}/_fake/worlds", params={"limit": limit})
    assert answer.status_code == 400


@pytest.mark.parametrize("key", [None, "Bearer key"])
def test_list_of_worlds_is_the_operator_s_alone(key: str | None) -> None:
    async def use() -> list[int]:
        async with running(admin_token=TOKEN) as app:
            heads = [head(authorization=key), head(authorization=key, x_fake_admin_token=TOKEN)]
            return [
                (await ask(app, path="/_fake/worlds", headers=each, client=SOMEWHERE)).status
                for each in heads
            ]

    assert asyncio.run(use()) == [403, 200]


HELD = {
    "label": lambda world: httpx.patch(
        f"{world.base_url}/_fake/world", headers=authorized(world), json={"label": "kept"}
    ),
    "upload": upload,
    "task": create,
}


@pytest.mark.parametrize("kind", HELD)
def test_worlds_are_known_after_a_restart(
    kind: str, start_server: StartServer, tmp_path: Path
) -> None:
    before = start_server(storage=f"dir:{tmp_path}")
    world = FakeAPIMart(before.url)
    assert HELD[kind](world).status_code == 200
    before.stop()
    after = start_server(storage=f"dir:{tmp_path}")
    with httpx.Client(base_url=f"{after.url}/_fake/") as operator:
        [found] = listed(operator).values()
        assert found["label"] == ("kept" if kind == "label" else "")
        assert (found["world"], found["last_used"]) == (name_of_world(world), None)
        answer = operator.get("world", params={"world": found["id"]})
        assert (answer.status_code, answer.json()["label"]) == (200, found["label"])


@pytest.mark.subprocess
def test_worlds_are_known_after_redis_has_lost_them(
    start_server: StartServer, redis_url: str, tmp_path: Path
) -> None:
    server = start_server(storage=f"dir:{tmp_path}", state=redis_url)
    world = FakeAPIMart(server.url)
    upload(world)
    redis.Redis.from_url(redis_url).flushall()
    with httpx.Client(base_url=f"{server.url}/_fake/") as operator:
        assert listed(operator)[name_of_world(world)]["last_used"] is None
        assert operator.get("uploads", params={"world": name_of_world(world)}).status_code == 200


def test_rule_that_was_added_by_id_stays_when_the_key_comes(
    start_server: StartServer, tmp_path: Path
) -> None:
    key = "sk-fake-upload-500"
    before = start_server(storage=f"dir:{tmp_path}")
    created(FakeAPIMart(before.url, key))
    before.stop()
    after = start_server(storage=f"dir:{tmp_path}")
    params = {"world": name_of(key)}
    added = httpx.post(f"{after.url}/_fake/faults", params=params, json=RULE)
    assert added.status_code == 200
    world = FakeAPIMart(after.url, key)
    rules = httpx.get(f"{after.url}/_fake/faults", headers=authorized(world)).json()["faults"]
    assert [rule["error"] for rule in rules] == ["rate_limited", "upload_failed"]


def test_many_worlds_are_listed_without_holding_up_others(location: str) -> None:
    """A loop that is held up answers nobody: the longest stop is well below a tenth of a second."""
    number = 3000 if location == MEMORY else 700

    async def test(server: Server, known: KnownWorlds) -> None:
        for each in range(number):
            await server.worlds.enter(server.worlds.of_key(f"key {each}"), "models.list")
        longest, done = 0.0, asyncio.Event()

        async def tick() -> None:
            nonlocal longest
            now = asyncio.get_running_loop().time
            while not done.is_set():
                before = now()
                await asyncio.sleep(0)
                longest = max(longest, now() - before)

        ticking = asyncio.create_task(tick())
        found = await known.known_worlds()
        done.set()
        await ticking
        assert len(found) == min(number, MAX_WORLDS)
        assert len({each.name for each in found}) == len(found)
        assert longest < 0.2

    on_state(location, test)


def test_every_call_about_a_world_documents_the_id(start_server: StartServer) -> None:
    document = httpx.get(f"{start_server().url}/openapi.json").json()
    paths = document["paths"]
    for method, path in CALLS[:-3]:
        [found] = [each for each in paths if re.fullmatch(_pattern_of(each), f"/_fake/{path}")]
        call = paths[found][method.lower()]
        named = [each["name"] for each in call["parameters"]]
        assert "world" in named, (method, path)
        assert {"400", "403", "404", "409"} <= call["responses"].keys()
    assert "404" not in paths["/_fake/worlds"]["get"]["responses"]


def _pattern_of(path: str) -> str:
    return re.sub(r"\{\w+\}", "a", path)
