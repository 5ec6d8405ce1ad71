"""Doing the same for many: several at once, and so that one keeps no other."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator

import pytest
from fake_apimart_storage import StorageError, in_parallel
from fake_apimart_storage.batches import MAX_FAILURES, Attempts, batches_of


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (2, [2]), (3, [3]), (7, [3, 3, 1])])
def test_items_come_in_batches(count: int, sizes: list[int]) -> None:
    async def main() -> None:
        batches = [batch async for batch in batches_of(numbers(count), 3)]
        assert [len(batch) for batch in batches] == sizes
        assert [number for batch in batches for number in batch] == list(range(count))

    asyncio.run(main())


def test_work_runs_at_once_up_to_the_limit_and_each_outcome_is_told() -> None:
    running = most = 0

    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        if number % 2:
            raise StorageError(str(number))
        return number

    async def main() -> None:
        outcomes = [each async for each in in_parallel(range(20), work, 4)]
        assert sorted(each.result() for each in outcomes if not each.exception()) == [
            *range(0, 20, 2)
        ]
        assert len(outcomes) == 20

    asyncio.run(main())
    assert most == 4


def test_what_has_not_begun_never_begins_once_nobody_listens() -> None:
    begun: list[int] = []
    problems: list[object] = []

    async def work(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(0 if number < 3 else 10)
        raise StorageError(str(number))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: problems.append(context))
        async with contextlib.aclosing(in_parallel(range(20), work, 4)) as outcomes:
            await anext(outcomes)
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert begun == [0, 1, 2, 3]
    assert problems == []


def test_first_failure_is_told_at_the_end_and_others_go_on() -> None:
    attempts, done = Attempts(StorageError), []
    for number in range(3):
        with attempts:
            if number < 2:
                raise StorageError(str(number))
            done.append(number)
    assert done == [2]
    with pytest.raises(StorageError, match=r"^0$"):
        attempts.end()


def test_many_failures_in_a_row_end_the_attempts() -> None:
    attempts, tried = Attempts(StorageError), []

    def fail_always() -> None:
        for number in range(100):
            with attempts:
                tried.append(number)
                raise StorageError(str(number))

    with pytest.raises(StorageError, match=r"^0$"):
        fail_always()
    assert len(tried) == MAX_FAILURES


def test_error_of_another_kind_is_no_failed_attempt() -> None:
    with pytest.raises(KeyError), Attempts(StorageError):
        raise KeyError("x")
