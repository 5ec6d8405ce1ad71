"""Servers that share a Redis are one fake: each sees at once what the others have done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from fake_apimart.state.redis.connection import PREFIX
from fake_apimart.state.redis.rules import RedisReservation
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.world import World
from fake_apimart_storage import ObjectInfo

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


def test_request_under_way_leaves_nothing_in_a_world_that_another_server_resets(run: Run) -> None:
    async def test(first: Server, second: Server, _: Server) -> None:
        world, _ = await first.enter()
        await second.worlds.replace(await second.seen())
        writer = first.storage.writer(ObjectInfo("image/x", "image/png", 0, 1))
        await writer.write([b"x"])
        await writer.commit()
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
    assert all(key.startswith("fake-apimart:1:") for key in keys)
    of_worlds = [key for key in keys if key.count(":") > 3]
    assert len(of_worlds) > 8
    assert [key for key in of_worlds if client.pttl(key) <= 0] == []


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
