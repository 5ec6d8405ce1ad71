"""`/_fake/requests`: the journal of requests, and waiting for requests."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
from typing import Annotated, Any

from fake_apimart_storage import ObjectNotFound, StorageError
from fastapi import APIRouter, Depends, Query, Response

from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.control.access import ControlRoute
from fake_apimart.control.answers import RequestsAnswer, WaitAnswer
from fake_apimart.control.faults import OperationName
from fake_apimart.control.target import Target, TargetDep
from fake_apimart.service.service import Service
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.journal import MAX_ENTRIES

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
        self._operation = operation
        self._status = status
        self._since = since

    def includes(self, entry: Entry) -> bool:
        """Return whether `entry` is selected."""
        return (
            entry.id > self._since
            and self._operation in (None, entry.operation)
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
    entries = [
        await _to_json(each, target.service) for each in _matching(entry_filter, target)[-limit:]
    ]
    return JSONResponse({"requests": entries})


@router.get("/wait", response_model=WaitAnswer)
async def wait_for_requests(
    entry_filter: EntryFilterDep,
    target: TargetDep,
    count: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = 1,
    timeout: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds.")] = 5.0,  # noqa: ASYNC109
) -> Response:
    """Wait until `count` requests match or the timeout expires; `satisfied` tells which."""
    stopping = target.service.stopping
    world = target.world_or_server
    found = _matching(entry_filter, target)
    # Counts as a request in the world, so that the world is not evicted while a client waits.
    world.running += 1
    try:
        async with asyncio.timeout(timeout):
            while len(found) < count and not stopping.is_set() and not world.gone:
                await target.service.worlds.wait_for_change(stopping)
                found = _matching(entry_filter, target)
    except TimeoutError:
        pass
    finally:
        world.running -= 1
    entries = [await _to_json(entry, target.service) for entry in found]
    return JSONResponse({"requests": entries, "satisfied": len(found) >= count})


def _matching(entry_filter: EntryFilter, target: Target) -> list[Entry]:
    journals = (world.journal.matching(entry_filter.includes) for world in target.worlds)
    return list(heapq.merge(*journals, key=lambda entry: entry.id))


async def _to_json(entry: Entry, service: Service) -> dict[str, Any]:
    is_stored = entry.operation == "uploads.create" and entry.file_key is not None
    if is_stored and entry.sha256 is None:
        entry.sha256 = await _sha256(str(entry.file_key), service)
    return entry.to_json()


async def _sha256(key: str, service: Service) -> str | None:
    """Return the hexadecimal digest of a stored file, or None if it is gone or unreadable."""
    try:
        stored = await service.storage.get(key)
    except (ObjectNotFound, StorageError):
        return None
    digest = hashlib.sha256()
    async with stored:
        async for chunk in stored.chunks(0, stored.size):
            digest.update(chunk)
    return digest.hexdigest()
