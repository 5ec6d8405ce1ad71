"""Servers that share a Redis are one fake: each sees at once what the others have done."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from fake_apimart.state.redis.connection import PREFIX, Connection, names_of_worlds
from fake_apimart.state.redis.rules import RedisReservation
from fake_apimart.state.redis.world import RedisWorld
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.world import World
from fake_apimart_storage import ObjectInfo, Storage

from tests.redis_server import RedisServer
from tests.shared_states import Server, on_servers, task_of

Run = Callable[[Callable[[Server, Server, Server], Awaitable[None]]], None]

SECOND = 1_000_000_000


@pytest.fixture
def run(redis_url: str) -> Run:
    """Return what runs a test on three servers that share a Redis."""
    return lambda test: asyncio.run(on_servers(redis_url, 3, test))


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


async def meet(server: Server) -> str:
    """Return the rule that a request meets."""
    world, reservation = await server.enter()
    # Others come in between.
    await asyncio.sleep(0.001)
    if reservation is None:
        return "-"
    reservation.count()
    await server.state.settle(world)
    return str(reservation.rule.name)


def test_rule_for_two_fires_exactly_twice(run: Run) -> None:
    async def test(*servers: Server) -> None:
        await servers[0].state.rules.add(
            await servers[0].seen(), Rule("models.list", "forbidden", times=2)
        )
        met = Counter(await asyncio.gather(*(meet(servers[n % 3]) for n in range(60))))
        assert met == {"forbidden": 2, "-": 58}
        [rule] = await servers[2].state.rules.of(await servers[2].seen())
        assert rule.used == 2

    run(test)


def test_rate_lets_exactly_as_many_through(run: Run) -> None:
    async def test(*servers: Server) -> None:
        async def take(server: Server) -> bool:
            world, _ = await server.enter()
            return await server.state.take(world, "60/minute") == 0

        passed = await asyncio.gather(*(take(servers[n % 3]) for n in range(200)))
        assert sum(passed) == 60

    run(test)


def test_clock_and_settings_are_seen_by_the_next_request_on_each(run: Run) -> None:
    async def test(first: Server, *others: Server) -> None:
        before = [(await each.enter())[0].clock.time_ns() for each in others]
        world = await first.seen()

        def change() -> None:
            world.overrides = {"balance": 3.0}
            world.clock.advance(500 * SECOND)

        await first.state.change(world, change)
        for each, then in zip(others, before, strict=True):
            seen = (await each.enter())[0]
            assert seen.overrides == {"balance": 3.0}
            assert 499 * SECOND < seen.clock.time_ns() - then < 520 * SECOND

    run(test)


def test_changes_of_several_at_once_are_all_made(run: Run) -> None:
    async def test(*servers: Server) -> None:
        async def step(server: Server) -> None:
            world = await server.seen()
            await server.state.change(world, lambda: world.clock.advance(1000 * SECOND))

        before = (await servers[0].seen()).clock.time_ns()
        await asyncio.gather(*(step(servers[n % 3]) for n in range(9)))
        moved = (await servers[1].seen()).clock.time_ns() - before
        assert 9000 * SECOND <= moved < 9060 * SECOND

    run(test)


@pytest.mark.parametrize("is_all", [False, True])
def test_reset_is_seen_by_the_next_request_on_each(run: Run, is_all: bool) -> None:
    async def test(first: Server, *others: Server) -> None:
        for each in (first, *others):
            await each.state.rules.add(await each.seen(), Rule("models.list", "forbidden"))
            await each.record(operation="balance.get")
        old = [await each.seen() for each in others]
        world = await first.seen()
        replacing = first.worlds.replace_all() if is_all else first.worlds.replace(world)
        await first.state.end(await replacing)
        for each, before in zip(others, old, strict=True):
            world, reservation = await each.enter()
            assert reservation is None
            assert (before.gone, world.gone, world is before) == (True, False, False)
            assert await each.state.journals.entries(world, lambda entry: True) == []

    run(test)


def test_request_under_way_keeps_what_it_has_stored_where_redis_loses_what_it_knew(
    run: Run, client: redis.Redis
) -> None:
    async def test(first: Server, *_: Server) -> None:
        await first.state.end(await first.worlds.replace_all())
        await first.seen()
        world, _reservation = await first.enter()
        await store(first.storage, "image/x")
        client.flushall()
        await first.state.discard_if_gone(world, first.storage, "image/x")
        entry = Entry("uploads.create", "POST", "/")
        await first.worlds.record(world, entry, 200)
        assert [key async for key in first.storage.keys("")] == ["image/x"]
        found = await first.state.journals.entries(await first.seen(), lambda entry: True)
        assert [each.id for each in found] == [entry.id]

    run(test)


async def store(storage: Storage, key: str) -> None:
    writer = storage.writer(ObjectInfo(key, "image/png", 0, 1))
    await writer.write([b"x"])
    await writer.commit()


def test_request_under_way_leaves_nothing_in_a_world_that_another_server_resets(run: Run) -> None:
    async def test(first: Server, second: Server, _: Server) -> None:
        world, _ = await first.enter()
        await second.worlds.replace(await second.seen())
        await store(first.storage, "image/x")
        await first.state.discard_if_gone(world, first.storage, "image/x")
        await first.state.settle(world)
        assert [key async for key in first.storage.keys("")] == []
        assert world.gone

    run(test)


def test_journal_is_one_and_in_order(run: Run) -> None:
    async def test(*servers: Server) -> None:
        recorded = [(await servers[n % 3].record()).id for n in range(30)]
        assert recorded == sorted(recorded)
        for each in servers:
            found = await each.state.journals.entries(await each.seen(), lambda entry: True)
            assert [entry.id for entry in found] == recorded

    run(test)


def test_worlds_are_all_named_though_some_are_used_meanwhile(run: Run, redis_url: str) -> None:
    async def test(first: Server, *_: Server) -> None:
        for number in range(250):
            await first.enter(f"key-{number}")
        names = []
        async with contextlib.aclosing(Connection(redis_url)) as connection:
            async for name in names_of_worlds(connection.run):
                names.append(name)
                if len(names) == 50:
                    for number in range(20):
                        await first.enter(f"key-{number}")
        assert len(names) == len(set(names)) == 250

    run(test)


@pytest.mark.parametrize("is_all", [False, True])
def test_who_waits_is_woken_by_another_server(run: Run, is_all: bool) -> None:
    async def test(first: Server, second: Server, third: Server) -> None:
        world: World | None = None if is_all else await first.seen()
        async with first.state.journals.watching(world, "models.list", lambda entry: True) as watch:
            watch.expect(2)
            await second.record()
            await third.record()
            async with asyncio.timeout(5):
                await watch.changed.wait()

    run(test)


def test_who_waits_is_woken_by_a_reset_on_another_server(run: Run) -> None:
    async def test(first: Server, second: Server, _: Server) -> None:
        world = await first.seen()
        async with first.state.journals.watching(world, None, lambda entry: True) as watch:
            watch.expect(2)
            await second.state.end(await second.worlds.replace(await second.seen()))
            async with asyncio.timeout(5):
                await watch.changed.wait()
            assert world.gone

    run(test)


@pytest.mark.parametrize("is_all", [False, True])
def test_reset_of_everything_wakes_who_waits_on_each(run: Run, is_all: bool) -> None:
    async def test(*servers: Server) -> None:
        async with contextlib.AsyncExitStack() as stack:
            worlds = [each.worlds.server if is_all else await each.seen() for each in servers]
            watches = []
            for each, world in zip(servers, worlds, strict=True):
                place = None if is_all else world
                watching = each.state.journals.watching(place, None, lambda entry: True)
                watches.append(await stack.enter_async_context(watching))
            for watch in watches:
                watch.expect(2)
            await servers[0].state.end(await servers[0].worlds.replace_all())
            async with asyncio.timeout(5):
                for watch in watches:
                    await watch.changed.wait()
            assert all(world.gone for world in worlds)

    run(test)


def test_late_news_of_a_reset_are_about_the_world_that_was_replaced_alone(run: Run) -> None:
    async def test(first: Server, second: Server, _: Server) -> None:
        old = await second.seen()
        async with second.state.journals.watching(None, None, lambda entry: True) as watch:
            replaced = await first.worlds.replace(await first.seen())
            new = await second.seen()
            watch.expect(1)
            await first.state.end(replaced)
            async with asyncio.timeout(5):
                await watch.changed.wait()
        assert (old.gone, new.gone) == (True, False)

    run(test)


def test_wait_that_begins_when_the_last_one_ends_hears_of_entries(run: Run) -> None:
    async def test(first: Server, second: Server, _: Server) -> None:
        async def wait_shortly() -> None:
            async with first.state.journals.watching(None, None, lambda entry: True):
                pass

        for number in range(60):
            ending = asyncio.create_task(wait_shortly())
            await asyncio.sleep(number % 10 / 2000)
            async with first.state.journals.watching(None, None, lambda entry: True) as watch:
                await ending
                watch.expect(1)
                await second.record()
                async with asyncio.timeout(5):
                    await watch.changed.wait()

    run(test)


def test_balance_and_polls_are_one(run: Run) -> None:
    async def test(*servers: Server) -> None:
        tasks = []
        for number, each in enumerate(servers):
            world, _ = await each.enter()
            tasks.append(task_of(world, number, polls=5 if number == 0 else 0))
            await each.ledger.store(tasks[-1], world)
            await each.record()
        await asyncio.sleep(0.01)
        for each in servers:
            world, _ = await each.enter()
            assert (await each.ledger.committed(world), await each.ledger.spent(world)) == (3, 2)
        counted = await asyncio.gather(
            *(each.ledger.count_poll(tasks[0], each.worlds.of_key("key")) for each in servers * 2)
        )
        assert sorted(polls.so_far for polls in counted) == [0, 1, 2, 3, 4, 5]
        assert await servers[1].ledger.spent(await servers[1].seen()) == 3

    run(test)


def test_balance_is_that_of_the_stored_tasks_where_redis_has_lost_it(
    run: Run, client: redis.Redis
) -> None:
    async def test(first: Server, second: Server, _: Server) -> None:
        for number in range(3):
            world, _ = await first.enter()
            await first.ledger.store(task_of(world, number), world)
            await first.record()
        client.flushall()
        assert await first.ledger.committed((await first.enter())[0]) == 3
        client.flushall()
        assert await second.ledger.spent(await second.seen()) == 3
        assert await first.ledger.spent(await first.seen()) == 3

    run(test)


def test_use_of_a_rule_is_free_again_where_its_server_has_died(
    run: Run, client: redis.Redis
) -> None:
    async def test(first: Server, second: Server, _: Server) -> None:
        await first.state.rules.add(await first.seen(), Rule("models.list", "forbidden"))
        _, held = await first.enter()
        assert isinstance(held, RedisReservation)
        assert await meet(second) == "-"
        [key] = client.keys(f"{PREFIX}*reserved*")
        assert 0 < client.pttl(key) <= 60_000
        await held.renew()
        [member] = client.zrange(key, 0, -1)
        client.zincrby(key, -61_000_000, str(member))
        assert await meet(second) == "forbidden"

    run(test)


def test_lock_excludes_other_servers_and_is_free_where_its_holder_has_died(
    run: Run, client: redis.Redis
) -> None:
    async def test(first: Server, second: Server, _: Server) -> None:
        order = []

        async def hold(server: Server, name: str) -> None:
            async with server.locks.holding("drawing"):
                order.append(name)
                await asyncio.sleep(0.05)
                order.append(name)

        await asyncio.gather(hold(first, "a"), hold(second, "b"))
        assert order in (list("aabb"), list("bbaa"))
        client.set(f"{PREFIX}lock:drawing", "of a server that has died", px=50)
        async with asyncio.timeout(5), second.locks.holding("drawing"):
            pass

    run(test)


@pytest.mark.parametrize("is_all", [False, True])
def test_places_are_free_after_they_are_vacated_or_all_is_reset(run: Run, is_all: bool) -> None:
    async def test(first: Server, second: Server, _: Server) -> None:
        assert await first.locks.occupy("callbacks", "a", 1, 60)
        assert not await second.locks.occupy("callbacks", "b", 1, 60)
        if is_all:
            await second.state.end(await second.worlds.replace_all())
        else:
            await second.locks.vacate("callbacks")
        assert await second.locks.occupy("callbacks", "b", 1, 60)
        await second.locks.vacate("callbacks", "a")
        assert not await first.locks.occupy("callbacks", "a", 1, 60)

    run(test)


def test_claim_is_granted_to_one(run: Run) -> None:
    async def test(*servers: Server) -> None:
        granted = await asyncio.gather(*(each.locks.claim("callbacks", 5) for each in servers))
        assert sorted(granted) == [False, False, True]

    run(test)


def test_keys_begin_with_name_and_version_and_those_of_a_world_expire(
    run: Run, client: redis.Redis
) -> None:
    async def test(first: Server, *_: Server) -> None:
        world = await first.seen("sk-fake-slow")

        def change() -> None:
            world.clock.advance(SECOND)

        await first.state.change(world, change)
        await first.state.rules.add(world, Rule("models.list", "forbidden"))
        await first.state.take(world, "1/minute")
        tasks = [task_of(world, 1), task_of(world, 2, polls=1, seconds=0.0)]
        for task in tasks:
            await first.ledger.store(task, world)
        await first.record("sk-fake-slow")
        await first.ledger.count_poll(tasks[1], world)
        await first.ledger.spent(world)
        await first.worlds.replace(world)

    run(test)
    keys = [str(key) for key in client.keys("*")]
    assert all(key.startswith("fake-apimart:2:") for key in keys)
    assert len(keys) > 12
    stay = {key.removeprefix(PREFIX) for key in keys if client.pttl(key) <= 0}
    assert stay <= {"epoch", "rule-id", "entry-id"}


def test_world_that_nobody_has_used_for_a_month_is_counted_no_more(
    run: Run, client: redis.Redis
) -> None:
    async def test(first: Server, *_: Server) -> None:
        await first.record("old")
        [name] = client.zrange(f"{PREFIX}0:worlds", 0, -1)
        client.zincrby(f"{PREFIX}0:worlds", -31 * 86_400 * 1_000_000, str(name))
        await first.record("new")
        assert await first.state.count() == 1

    run(test)


@pytest.mark.parametrize(
    "call",
    [
        lambda server, world: server.state.enter(world, "models.list"),
        lambda server, world: server.state.rules.of(world),
        lambda server, world: server.state.take(world, "1/minute"),
        lambda server, world: server.state.journals.entries(None, lambda entry: True),
        lambda server, world: server.ledger.spent(world),
        lambda server, world: server.locks.claim("a", 1),
        lambda server, world: server.locks.holding("a").__aenter__(),
        lambda server, world: server.state.journals.watching(
            None, None, lambda entry: True
        ).__aenter__(),
    ],
)
def test_every_call_says_that_redis_is_away(
    redis_server: Any, call: Callable[[Server, World], Awaitable[Any]]
) -> None:
    async def test(server: Server) -> None:
        world = await server.seen()
        redis_server.stop()
        with pytest.raises(StateError, match=r"^redis://127"):
            await call(server, world)
        redis_server.start()
        await call(server, await server.seen())

    asyncio.run(on_servers(redis_server.url, 1, test))


def test_call_of_a_redis_that_hangs_is_given_up_soon(redis_server: Any) -> None:
    async def test(server: Server) -> None:
        redis_server.hang()
        began = asyncio.get_running_loop().time()
        with pytest.raises(StateError, match="did not answer"):
            await server.enter()
        assert asyncio.get_running_loop().time() - began < 10
        redis_server.go_on()
        await server.enter()

    asyncio.run(on_servers(redis_server.url, 1, test))


def test_resets_at_the_same_time_all_succeed(run: Run) -> None:
    async def test(*servers: Server) -> None:
        async def reset(server: Server, *, is_all: bool) -> None:
            world = await server.seen()
            gone = await (server.worlds.replace_all() if is_all else server.worlds.replace(world))
            if gone:
                await server.state.end(gone)
            await server.record()

        await asyncio.gather(*(reset(servers[n % 3], is_all=n > 5) for n in range(9)))
        for each in servers:
            assert not (await each.seen()).gone

    run(test)


def test_world_that_gives_way_to_others_keeps_the_rules_of_its_key_s_name(
    run: Run, client: redis.Redis
) -> None:
    key = "sk-fake-invalid"

    async def test(server: Server, *_: Server) -> None:
        first = await server.seen(key)
        await server.state.rules.of(first)
        client.zadd(f"{PREFIX}0:worlds", {f"{number:032}": 1e17 for number in range(10_000)})
        await server.record("another")
        assert client.zscore(f"{PREFIX}0:worlds", first.name) is None
        assert (await server.enter(key))[1].rule.name == "invalid_key"

    run(test)


def test_connections_that_redis_has_closed_meanwhile_are_not_used(
    redis_server: RedisServer,
) -> None:
    async def test(server: Server) -> None:
        await asyncio.gather(*(server.seen(f"key-{number}") for number in range(20)))
        redis_server.stop()
        redis_server.start()
        await asyncio.sleep(0.05)
        await asyncio.gather(*(server.seen(f"key-{number}") for number in range(20)))

    asyncio.run(on_servers(redis_server.url, 1, test))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda client: client.config_set("maxmemory", "1"),
        lambda client: client.replicaof("127.0.0.1", "1"),
    ],
    ids=["full", "replica"],
)
def test_redis_that_cannot_be_written_to_is_missing(
    redis_server: RedisServer, spoil: Callable[[redis.Redis], Any]
) -> None:
    async def test(server: Server) -> None:
        await server.state.check()
        with redis.Redis.from_url(redis_server.url) as client:
            spoil(client)
        with pytest.raises(StateError):
            await server.state.check()

    asyncio.run(on_servers(redis_server.url, 1, test))


def test_upload_whose_record_fails_is_not_there(redis_server: RedisServer) -> None:
    async def test(server: Server) -> None:
        world, _ = await server.enter()
        await store(server.storage, "image/x")
        await server.state.discard_if_gone(world, server.storage, "image/x")
        entry = Entry("uploads.create", "POST", "/")
        entry.file_key = "image/x"
        redis_server.stop()
        with pytest.raises(StateError):
            await server.worlds.record(world, entry, 200)
        assert [key async for key in server.storage.keys("")] == []
        redis_server.start()
        await server.record()

    asyncio.run(on_servers(redis_server.url, 1, test))


def test_answer_that_was_overtaken_changes_nothing(run: Run) -> None:
    async def test(server: Server, *_: Server) -> None:
        world = await server.seen()
        assert isinstance(world, RedisWorld)
        world.read((b"5", None, b'{"balance": 2}', None, None), 2**62)
        world.read((b"7", None, None, None, None), 2**61)
        assert (world.clock.state.offset_ns, world.overrides) == (5, {"balance": 2})

    run(test)
