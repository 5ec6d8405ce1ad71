"""`/_fake/requests`: the journal of requests, and waiting for requests."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated

from fake_apimart_storage import ObjectNotFound, StorageError
from fastapi import APIRouter, Depends, Query, Request, Response

from fake_apimart.common.waits import HEAVY_BATCH, first_of, pausing, wait_for_event
from fake_apimart.contract.json_response import JSONListResponse
from fake_apimart.control.access import ControlRoute
from fake_apimart.control.answers import RequestsAnswer, WaitAnswer
from fake_apimart.control.faults import OperationName
from fake_apimart.control.target import Target, TargetDep
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.service.service import Service
from fake_apimart.worlds.entry import MAX_ENTRIES, Journaled, Sought

router = APIRouter(prefix="/_fake/requests", tags=["control: requests"], route_class=ControlRoute)

MAX_WAIT_SECONDS = 300.0


class EntryFilter:
    """The query parameters that select entries of the journal."""

    def __init__(
        self,
        operation: Annotated[OperationName | None, Query()] = None,
        status: Annotated[int | None, Query(description="The answer's status.")] = None,
        since: Annotated[int, Query(ge=0, description="Those with a greater id.")] = 0,
    ) -> None:
        self.operation = operation
        self._status = status
        self.since = since

    def includes(self, entry: Sought) -> bool:
        """Return whether `entry` is selected."""
        return (
            entry.id > self.since
            and self.operation in (None, entry.operation)
            and self._status in (None, entry.status)
        )


EntryFilterDep = Annotated[EntryFilter, Depends()]


@router.get("", response_model=RequestsAnswer)
async def list_requests(
    entry_filter: EntryFilterDep,
    target: TargetDep,
    limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES, description="The latest.")] = MAX_ENTRIES,
) -> Response:
    """List the journal of the key's world, or of all worlds; newest last."""
    found = await target.state.journals.entries(
        target.world, entry_filter.includes, entry_filter.since
    )
    return JSONListResponse("requests", await _encoded(found[-limit:], target.service))


@router.get("/wait", response_model=WaitAnswer)
async def wait_for_requests(
    entry_filter: EntryFilterDep,
    target: TargetDep,
    request: Request,
    count: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = 1,
    timeout: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds.")] = 5.0,  # noqa: ASYNC109
) -> Response:
    """Wait until `count` requests match or the timeout expires; `satisfied` tells which.

    A client that closes the connection, or its side of it, waits no longer.
    """
    world, connection = target.world_or_server, exchange_of(request.scope).connection
    waits = [_wait(entry_filter, target, count)]
    if connection is not None:
        # Else those who have given up would hold their connections until the timeout.
        waits.append(connection.wait_for_input_end())
    # Counts as a request in the world, so that the world is not evicted while a client waits.
    world.running += 1
    try:
        async with asyncio.timeout(timeout):
            await first_of(*waits)
    except TimeoutError:
        pass
    finally:
        world.running -= 1
    found = await target.state.journals.entries(
        target.world, entry_filter.includes, entry_filter.since
    )
    entries = await _encoded(found, target.service)
    return JSONListResponse("requests", entries, satisfied=len(found) >= count)


async def _wait(entry_filter: EntryFilter, target: Target, count: int) -> None:
    """Wait until `count` entries match, the world is gone or the server stops."""
    stopping, world = target.service.stopping, target.world_or_server
    includes, since = entry_filter.includes, entry_filter.since
    async with target.state.journals.watching(
        target.world, entry_filter.operation, includes
    ) as watch:
        while not stopping.is_set() and not world.gone:
            # Before the search, which entries may come during; one that is counted twice, by that
            # and by the search, costs one more search.
            watch.expect(count)
            found = len(await target.state.journals.entries(target.world, includes, since))
            if found >= count:
                return
            watch.count(found)
            await wait_for_event(watch.changed.wait(), stopping)


async def _encoded(entries: list[Journaled], service: Service) -> list[bytes]:
    async for entry in pausing(entries, HEAVY_BATCH):
        if entry.operation == "uploads.create" and entry.sha256 is None and entry.file_key:
            entry.sha256 = await _sha256(entry.file_key, service)
    return [entry.to_text() async for entry in pausing(entries, HEAVY_BATCH)]


async def _sha256(key: str, service: Service) -> str | None:
    """Return the hexadecimal digest of a stored file, or None if it is gone or unreadable."""
    try:
        stored = await service.storage.get(key)
    except (ObjectNotFound, StorageError):
        return None
    digest = hashlib.sha256()
    async with stored:
        async for chunk in pausing(stored.chunks(0, stored.size), HEAVY_BATCH):
            digest.update(chunk)
    return digest.hexdigest()
