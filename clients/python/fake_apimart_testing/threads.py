"""Work in a thread, awaited by coroutines of asyncio or of Trio."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable
    from typing import Any, TypeVar

    Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result], *, to_the_end: bool = False) -> Result:
    """Return what `work` returns, which runs in a thread.

    A coroutine that is cancelled leaves the thread alone. With `to_the_end` it waits for it first,
    and the thread runs also where the coroutine was cancelled before.
    """
    trio = sys.modules.get("trio")
    if trio is not None and _is_running(trio):
        with trio.CancelScope(shield=to_the_end):
            return await _in_thread_of(trio, work, abandon_on_cancel=not to_the_end)
    import asyncio

    working = asyncio.ensure_future(asyncio.to_thread(work))
    return await (_end_of(working) if to_the_end else working)


async def _in_thread_of(trio: Any, work: Callable[[], Result], **options: bool) -> Result:
    result: Result = await trio.to_thread.run_sync(work, **options)
    return result


async def _end_of(working: Future[Result]) -> Result:
    import asyncio

    cancelled: BaseException | None = None
    while not working.done():
        try:
            # Does not cancel what it waits for.
            await asyncio.wait([working])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return working.result()


def _is_running(trio: Any) -> bool:
    """Return whether a task of Trio's asks."""
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
