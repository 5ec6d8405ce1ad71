"""The state of worlds: what holds in the memory of a server holds in Redis, too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fake_apimart.http.socket_faults import Dribble
from fake_apimart.tasks.state import Polls
from fake_apimart.worlds import faults
from fake_apimart.worlds.entry import MAX_ENTRIES
from fake_apimart.worlds.faults import RawAnswer, Rule
from fake_apimart.worlds.state.rules import NoRoom, Reservation, Undecided
from fake_apimart.worlds.world import World
from fake_apimart_storage import ObjectInfo

from tests.shared_states import Server, on_servers, task_of

Test = Callable[[Server], Awaitable[None]]
Run = Callable[[Test], None]

SECOND = 1_000_000_000


@pytest.fixture(params=["memory", "redis"])
def run(request: pytest.FixtureRequest) -> Run:
    """Return what runs a test on a server whose state is in memory, or in Redis."""
    if request.param == "memory":
        return lambda test: asyncio.run(on_servers("memory://", 1, test))
    url = request.getfixturevalue("redis_url")
    return lambda test: asyncio.run(on_servers(url, 1, test))


async def outcomes(server: Server, number: int, *, operation: str = "models.list") -> list[str]:
    """Return which rule each of so many requests meets, '-' for none."""
    met = []
    for _ in range(number):
        _, reservation = await server.enter(operation=operation)
        met.append("-" if reservation is None else reservation.rule.name)
        if reservation is not None:
            reservation.count()
            await server.state.settle(server.worlds.of_key("key"))
    return met


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([{"times": 2}], "forbidden forbidden - -"),
        ([{"times": 1, "after": 2}], "- - forbidden -"),
        ([{"times": None}], "forbidden forbidden forbidden forbidden"),
        ([{"operation": "balance.get"}], "- - - -"),
        (
            [{"times": 1}, {"times": 2, "error": "bad_gateway"}],
            "forbidden bad_gateway bad_gateway -",
        ),
        ([{"times": 1, "after": 1}, {"error": "bad_gateway"}], "bad_gateway forbidden - -"),
        ([{"times": None, "every": 2}], "- forbidden - forbidden"),
        ([{"times": 1, "every": 2}], "- forbidden - -"),
        ([{"times": None, "every": 3}], "- - forbidden - - forbidden -"),
        ([{"times": None, "every": 2, "after": 1}], "- - forbidden - forbidden -"),
        ([{"times": 2, "every": 3, "after": 2}], "- - - - forbidden - - forbidden - - -"),
        ([{"times": None, "every": 1}], "forbidden forbidden"),
        (
            [{"times": None, "every": 2}, {"times": None, "every": 2, "error": "bad_gateway"}],
            # The second counts those that the first lets pass.
            "- forbidden bad_gateway forbidden - forbidden bad_gateway",
        ),
    ],
)
def test_rules_are_met_in_order_and_as_often_as_they_say(
    run: Run, rules: list[dict[str, Any]], expected: str
) -> None:
    async def test(server: Server) -> None:
        for rule in rules:
            complete = {"operation": "models.list", "error": "forbidden", **rule}
            await server.state.rules.add(await server.seen(), Rule(**complete))
        assert " ".join(await outcomes(server, len(expected.split()))) == expected

    run(test)


def test_rule_comes_back_as_it_was_added(run: Run) -> None:
    answer = RawAnswer(418, (("X-Tea", "yes"),), bytes(range(256)))
    rule = Rule(
        "models.list",
        None,
        answer,
        delay=0.5,
        times=3,
        after=1,
        every=2,
        headers=(("A", "b"),),
        dribble=Dribble(7, 0.5),
        source={"status": 418, "body": "é", "where": {"header": {"a": "é"}}},
    )

    async def test(server: Server) -> None:
        await server.state.rules.add(await server.seen(), rule)
        await outcomes(server, 3)
        [found] = await server.state.rules.of(await server.seen())
        same = ("operation", "answer", "delay", "times", "after", "source", "id", "step", "name")
        for name in (*same, "every", "where", "headers", "dribble"):
            assert getattr(found, name) == getattr(rule, name)
        assert (found.used, found.bytes > 256) == (1, True)

    run(test)


WHERE = {"header": {"x-tenant": {"equal": "é"}}}


def conditional(**fields: Any) -> Rule:
    return Rule(**{"operation": "models.list", "error": "forbidden", "where": WHERE, **fields})


async def met_by(server: Server, verdicts: list[bool]) -> list[str]:
    """Return which rule each request meets, where conditions are as `verdicts` say of each."""
    met = []
    for verdict in verdicts:
        world, found = await server.enter()
        while isinstance(found, Undecided):
            first = found.conditions[0][0]
            found = await server.state.meet(world, found, {first: verdict})
        met.append("-" if found is None else found.rule.name)
        if found is not None:
            found.count()
            await server.state.settle(world)
    return met


@pytest.mark.parametrize(
    ("rules", "verdicts", "expected"),
    [
        ([{}], "ynyy", "forbidden - - -"),
        ([{"times": None}], "nyny", "- forbidden - forbidden"),
        ([{"times": None, "after": 1}], "nynyy", "- - - forbidden forbidden"),
        ([{"times": None, "every": 2}], "ynynyy", "- - forbidden - - forbidden"),
        ([{}, {"where": None, "error": "bad_gateway"}], "nyy", "bad_gateway forbidden -"),
        ([{"where": None, "error": "bad_gateway"}, {}], "yyy", "bad_gateway forbidden -"),
        ([{"after": 1}, {"error": "bad_gateway"}], "yyny", "bad_gateway forbidden - -"),
        ([{"operation": "models.get"}, {"times": 2}], "yyy", "forbidden forbidden -"),
    ],
)
def test_only_requests_that_are_as_a_rule_says_meet_it_or_count(
    run: Run, rules: list[dict[str, Any]], verdicts: str, expected: str
) -> None:
    async def test(server: Server) -> None:
        for rule in rules:
            await server.state.rules.add(await server.seen(), conditional(**rule))
        said = [each == "y" for each in verdicts]
        assert " ".join(await met_by(server, said)) == expected

    run(test)


def test_undecided_request_goes_on_where_it_stopped(run: Run) -> None:
    async def test(server: Server) -> None:
        here, all_worlds = await server.seen(), server.worlds.server
        first = Rule("models.list", "bad_gateway", after=1)
        for owner, rule in [
            (all_worlds, conditional()),
            (here, first),
            (here, conditional(error="invalid_key")),
            (all_worlds, Rule("models.list", "rate_limited")),
            (here, Rule("models.get", "forbidden", where=WHERE)),
        ]:
            await server.state.rules.add(owner, rule)
        world, found = await server.enter()
        assert isinstance(found, Undecided)
        assert found.owner == here.name
        assert [where for _, where in found.conditions] == [WHERE] * 2
        # Nothing is known of either: it stays where it is, and the first rule counts once.
        found = await server.state.meet(world, found, {})
        assert isinstance(found, Undecided)
        (own, _), (shared, _) = found.conditions
        found = await server.state.meet(world, found, {own: False})
        assert isinstance(found, Undecided)
        assert (found.owner, found.conditions[0][0]) == (all_worlds.name, shared)
        found = await server.state.meet(world, found, {own: True, shared: False})
        assert isinstance(found, Reservation)
        assert found.rule.name == "rate_limited"
        assert await met_by(server, [True]) == ["bad_gateway"]

    run(test)


def test_undecided_request_of_a_world_that_was_begun_anew_meets_nothing(run: Run) -> None:
    async def test(server: Server) -> None:
        await server.state.rules.add(await server.seen(), conditional())
        world, found = await server.enter()
        assert isinstance(found, Undecided)
        await server.worlds.replace(world)
        verdicts = {found.conditions[0][0]: True}
        assert await server.state.meet(world, found, verdicts) is None

    run(test)


def test_undecided_request_whose_rules_were_removed_meets_the_others(run: Run) -> None:
    async def test(server: Server) -> None:
        await server.state.rules.add(await server.seen(), conditional())
        world, found = await server.enter()
        assert isinstance(found, Undecided)
        await server.state.rules.clear(world)
        await server.state.rules.add(world, Rule("models.list", "bad_gateway"))
        found = await server.state.meet(world, found, {found.conditions[0][0]: True})
        assert isinstance(found, Reservation)
        assert found.rule.name == "bad_gateway"

    run(test)


def test_use_of_each_second_that_is_given_back_is_met_by_the_next(run: Run) -> None:
    async def test(server: Server) -> None:
        await server.state.rules.add(
            await server.seen(), Rule("models.list", "forbidden", times=None, every=2)
        )
        assert (await server.enter())[1] is None
        _, reservation = await server.enter()
        assert isinstance(reservation, Reservation)
        await reservation.give_back()
        assert await outcomes(server, 4) == ["forbidden", "-", "forbidden", "-"]

    run(test)


def test_use_that_is_given_back_is_met_by_the_next(run: Run) -> None:
    async def test(server: Server) -> None:
        await server.state.rules.add(await server.seen(), Rule("models.list", "forbidden"))
        _, reservation = await server.enter()
        assert reservation is not None
        assert (await server.enter())[1] is None
        await reservation.give_back()
        assert await outcomes(server, 2) == ["forbidden", "-"]

    run(test)


def test_rules_of_a_world_come_before_the_server_s(run: Run) -> None:
    async def test(server: Server) -> None:
        await server.state.rules.add(server.worlds.server, Rule("models.list", "forbidden"))
        await server.state.rules.add(await server.seen(), Rule("models.list", "bad_gateway"))
        assert await outcomes(server, 3) == ["bad_gateway", "forbidden", "-"]

    run(test)


def test_refused_request_meets_the_server_s_rules_alone(run: Run) -> None:
    async def test(server: Server) -> None:
        await server.state.rules.add(server.worlds.server, Rule("models.list", "forbidden"))
        await server.state.rules.add(await server.seen(), Rule("models.list", "bad_gateway"))
        world = server.worlds.of_key("key")
        _, met = await server.worlds.enter(world, "models.list", is_refused=True)
        assert isinstance(met, Reservation)
        assert met.rule.name == "forbidden"
        _, met = await server.worlds.enter(world, "", is_refused=True)
        assert met is None

    run(test)


def test_rules_of_a_key_s_name_are_there_at_once_and_stay(run: Run) -> None:
    key = "sk-fake-invalid"

    async def test(server: Server) -> None:
        world = await server.seen(key)
        implied = [rule.operation for rule in await server.state.rules.of(world)]
        assert "models.list" in implied
        await server.state.rules.add(world, Rule("models.list", "forbidden"))
        await server.state.rules.clear(world)
        assert [rule.operation for rule in await server.state.rules.of(world)] == implied
        assert (await server.enter(key))[1].rule.name == "invalid_key"

    run(test)


def test_rule_can_be_removed_by_its_id(run: Run) -> None:
    async def test(server: Server) -> None:
        world = await server.seen()
        for error in ("forbidden", "bad_gateway"):
            await server.state.rules.add(world, Rule("models.list", error))
        first, second = await server.state.rules.of(world)
        assert await server.state.rules.remove(world, first.id)
        assert not await server.state.rules.remove(world, first.id)
        assert [rule.id for rule in await server.state.rules.of(world)] == [second.id]
        await server.state.rules.clear(None)
        assert list(await server.state.rules.of(world)) == []

    run(test)


@pytest.mark.parametrize(
    ("limit", "value", "message"), [("MAX_RULES", 2, "2 rules"), ("MAX_BYTES", 1000, "1000 bytes")]
)
def test_rules_have_bounds(
    run: Run, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    monkeypatch.setattr(faults, limit, value)

    async def test(server: Server) -> None:
        world = await server.seen()
        for _ in range(2):
            await server.state.rules.add(world, Rule("models.list", "forbidden"))
        with pytest.raises(NoRoom, match=message):
            await server.state.rules.add(world, Rule("models.list", "forbidden"))
        await server.state.rules.clear(world)
        await server.state.rules.add(world, Rule("models.list", "forbidden"))

    run(test)


def test_rate_is_kept_over_a_window_that_slides_with_the_world_s_clock(run: Run) -> None:
    async def test(server: Server) -> None:
        world = await server.seen()
        await server.state.change(world, world.clock.freeze)
        waits = [await server.state.take(world, "2/minute") for _ in range(3)]
        assert waits == [0, 0, 60]
        await server.state.change(world, lambda: world.clock.advance(59 * SECOND))
        assert await server.state.take(world, "2/minute") == 1
        await server.state.change(world, lambda: world.clock.advance(SECOND))
        assert [await server.state.take(world, "2/minute") for _ in range(3)] == [0, 0, 60]
        assert await server.state.take(world, "5/minute") == 0
        await server.state.change(world, lambda: world.clock.advance(-3600 * SECOND))
        assert await server.state.take(world, "5/minute") == 0

    run(test)


def test_change_that_fails_leaves_everything_as_it_was(run: Run) -> None:
    async def test(server: Server) -> None:
        world = await server.seen()

        def fail() -> None:
            world.overrides = {"balance": 1.0}
            world.clock.advance(5)
            raise ValueError("no clock goes there")

        with pytest.raises(ValueError, match="no clock"):
            await server.state.change(world, fail)
        again = await server.seen()
        assert again.overrides == {}
        assert again.clock.state.offset_ns == 0

    run(test)


@pytest.mark.parametrize(
    "overrides", [{"balance": 0, "task_polls": 3}, {"task_seconds": 0.1}, {"task_failure": "ü"}, {}]
)
def test_settings_of_a_world_are_seen_by_the_next_request(
    run: Run, overrides: dict[str, Any]
) -> None:
    async def test(server: Server) -> None:
        world = await server.seen()
        for each in ({"balance": 7.5}, overrides):

            def override(each: dict[str, Any] = each) -> None:
                world.overrides = each

            await server.state.change(world, override)
        assert (await server.enter())[0].overrides == overrides

    run(test)


def test_server_s_clock_moves_those_of_worlds(run: Run) -> None:
    async def test(server: Server) -> None:
        before = (await server.seen()).clock.time_ns()
        clock = server.worlds.server.clock
        await server.state.change(server.worlds.server, lambda: clock.advance(5000 * SECOND))
        after = (await server.enter())[0].clock.time_ns()
        assert 4990 * SECOND < after - before < 5100 * SECOND

    run(test)


def test_journal_has_requests_in_order_and_completes_them(run: Run) -> None:
    async def test(server: Server) -> None:
        world = await server.seen()
        delayed = await server.record(status=None)
        second = await server.record("other", "balance.get")
        third = await server.record(status=404)
        assert delayed.id < second.id < third.id
        await server.worlds.record(world, delayed, 200)
        found = await server.state.journals.entries(world, lambda entry: True)
        assert [(each.id, each.status) for each in found] == [(delayed.id, 200), (third.id, 404)]
        everything = await server.state.journals.entries(None, lambda entry: True)
        assert [each.id for each in everything] == [delayed.id, second.id, third.id]
        [shown] = await server.state.journals.entries(None, lambda entry: entry.status == 404)
        assert (shown.to_json()["id"], shown.to_json()["operation"]) == (third.id, "models.list")

    run(test)


def test_journal_keeps_the_latest_and_can_be_cleared(run: Run) -> None:
    async def test(server: Server) -> None:
        world = await server.seen()
        for _ in range(MAX_ENTRIES + 5):
            last = await server.record()
        found = await server.state.journals.entries(world, lambda entry: True)
        assert (len(found), found[-1].id) == (MAX_ENTRIES, last.id)
        size = await server.state.journals.size(world)
        assert size.entries == MAX_ENTRIES
        assert size.bytes > MAX_ENTRIES * 100
        await server.record("other")
        await server.state.journals.clear(world)
        assert await server.state.journals.size(world) == (0, 0)
        assert len(await server.state.journals.entries(None, lambda entry: True)) == 1
        await server.state.journals.clear(None)
        assert await server.state.journals.entries(None, lambda entry: True) == []

    run(test)


def test_journals_together_have_bounds_and_the_oldest_worlds_lose_first(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fake_apimart.state.memory.journal.MAX_BYTES", 20_000)
    monkeypatch.setattr("fake_apimart.state.redis.state.MAX_JOURNAL_BYTES", 20_000)

    async def test(server: Server) -> None:
        for number in range(100):
            last = await server.record(f"key {number // 10}")
        sizes = [await server.state.journals.size(await server.seen(f"key {n}")) for n in range(10)]
        assert sum(size.bytes for size in sizes) <= 20_000
        assert (sizes[0].entries, sizes[9].entries) == (0, 10)
        assert (await server.state.journals.entries(None, lambda entry: True))[-1].id == last.id

    run(test)


def test_who_waits_is_woken_by_as_many_as_it_waits_for(run: Run) -> None:
    async def test(server: Server) -> None:
        world = await server.seen()
        async with server.state.journals.watching(
            world, "models.list", lambda entry: True
        ) as watch:
            watch.expect(2)
            await server.record("other")
            await server.record(operation="balance.get")
            await server.record()
            await asyncio.sleep(0.05)
            assert not watch.changed.is_set()
            await server.record()
            async with asyncio.timeout(5):
                await watch.changed.wait()

    run(test)


async def fill(server: Server) -> None:
    """Let the world of the key have something of everything."""
    world = await server.seen()

    def override() -> None:
        world.overrides = {"balance": 1.0}
        world.clock.advance(100 * SECOND)

    await server.state.change(world, override)
    await server.state.rules.add(world, Rule("balance.get", "forbidden"))
    await server.state.take(world, "1/minute")
    await server.record()


async def contents(server: Server) -> tuple[Any, ...]:
    """Return what the world of the key has."""
    world = await server.seen()
    size = await server.state.journals.size(world)
    rules = [rule.name for rule in await server.state.rules.of(world)]
    wait = await server.state.take(world, "1/minute")
    return world.overrides, world.clock.state.offset_ns > 0, rules, size.entries, wait > 0


FULL = ({"balance": 1.0}, True, ["forbidden"], 1, True)
EMPTY: tuple[Any, ...] = ({}, False, [], 0, False)


async def replace(server: Server, world: World, *, is_all: bool) -> list[World]:
    return await (server.worlds.replace_all() if is_all else server.worlds.replace(world))


@pytest.mark.parametrize("is_all", [False, True])
def test_world_that_is_begun_anew_has_nothing(run: Run, is_all: bool) -> None:
    async def test(server: Server) -> None:
        await fill(server)
        world = await server.seen()
        gone = await replace(server, world, is_all=is_all)
        await server.state.end(gone)
        assert world.gone
        assert await server.seen() is not world
        assert await contents(server) == EMPTY

    run(test)


@pytest.mark.parametrize("is_all", [False, True])
def test_world_that_is_put_back_has_everything(run: Run, is_all: bool) -> None:
    async def test(server: Server) -> None:
        await fill(server)
        world = await server.seen()
        gone = await replace(server, world, is_all=is_all)
        await server.record()
        assert (await contents(server))[:2] == EMPTY[:2]
        await server.worlds.put_back(gone)
        assert not world.gone
        assert await contents(server) == FULL
        # Nothing is left of what was there meanwhile.
        await server.state.end(await server.worlds.replace(world))
        assert await contents(server) == EMPTY

    run(test)


def test_what_is_written_into_a_world_that_is_gone_is_deleted(run: Run) -> None:
    async def test(server: Server) -> None:
        world = await server.seen()
        for key in ("task/a", "task/b"):
            writer = server.storage.writer(ObjectInfo(key, "text/plain", 0, 1))
            await writer.write([b"x"])
            await writer.commit()
        await server.state.discard_if_gone(world, server.storage, "task/a")
        await server.state.settle(world)
        await server.worlds.replace(world)
        await server.state.discard_if_gone(world, server.storage, "task/b")
        await server.state.settle(world)
        kept = [key async for key in server.storage.keys("")]
        assert kept == ["task/a"]

    run(test)


def test_worlds_are_counted(run: Run) -> None:
    async def test(server: Server) -> None:
        for key in ("a", "b", "a"):
            await server.record(key)
        assert await server.state.count() == 2
        world = await server.seen("a")
        await server.state.end(await server.worlds.replace(world))
        await server.worlds.drop_idle(await server.seen("a"))
        assert await server.state.count() == 1

    run(test)


async def spent(server: Server) -> tuple[float, float]:
    world = await server.seen()
    return await server.ledger.committed(world), await server.ledger.spent(world)


def test_cost_is_committed_at_once_and_spent_at_the_end(run: Run) -> None:
    async def test(server: Server) -> None:
        world, _ = await server.enter()
        assert await spent(server) == (0, 0)
        for number, seconds in enumerate([0.0, 100.0]):
            await server.ledger.store(task_of(world, number, seconds=seconds, cost=0.1), world)
        failing = task_of(world, 2, failure="no", cost=5.0)
        await server.ledger.store(failing, world)
        await server.record()
        assert await spent(server) == (0.2, 0.1)
        await server.state.change(world, lambda: world.clock.advance(101 * SECOND))
        assert await spent(server) == (0.2, 0.2)

    run(test)


def test_cost_of_a_task_that_is_paced_in_polls_is_spent_by_the_last_poll(run: Run) -> None:
    async def test(server: Server) -> None:
        world, _ = await server.enter()
        task = task_of(world, polls=2)
        await server.ledger.store(task, world)
        await server.record()
        now_ms = world.clock.time_ns() // 1_000_000
        assert [await server.ledger.count_poll(task, world) for _ in range(2)] == [
            Polls(0),
            Polls(1),
        ]
        assert await spent(server) == (1, 0)
        last = await server.ledger.count_poll(task, world)
        assert last.so_far == 2
        assert last.reached_ms is not None
        assert 0 <= last.reached_ms - now_ms < 10_000
        assert await server.ledger.polls(task) == last
        assert await server.ledger.count_poll(task, world) == last
        assert await spent(server) == (1, 1)

    run(test)


def test_lock_is_held_by_one_at_a_time(run: Run) -> None:
    async def test(server: Server) -> None:
        inside = most = 0

        async def hold() -> None:
            nonlocal inside, most
            async with server.locks.holding("name"):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.01)
                inside -= 1

        await asyncio.gather(*(hold() for _ in range(5)))
        assert most == 1

    run(test)


def test_places_are_as_many_as_there_are(run: Run) -> None:
    async def test(server: Server) -> None:
        async def occupy(holder: str) -> bool:
            return await server.locks.occupy("callbacks", holder, 2, 100)

        assert [await occupy(each) for each in "abca"] == [True, True, False, True]
        await server.locks.vacate("callbacks", "a")
        assert [await occupy(each) for each in "cd"] == [True, False]
        await server.locks.vacate("callbacks")
        assert await occupy("d")

    run(test)
