"""The first screen: uploads, tasks and requests, as they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from fake_apimart.contract.operations import JOURNALED
from fake_apimart.page.rendering import answer, text_of
from fake_apimart.page.views.requests import MAX_TEXT_CHARACTERS, RequestFeed, Wanted
from fake_apimart.page.views.tasks import latest_tasks
from fake_apimart.page.views.uploads import latest_uploads
from fake_apimart.page.views.worlds import worlds_of
from fake_apimart.page.visit import PREFIX, Visit
from fake_apimart.worlds.world import id_of

MAX_UPLOADS, MAX_TASKS, MAX_REQUESTS = 24, 12, 100
EVENTS, NOW = f"{PREFIX}events", f"{PREFIX}now"
REGIONS = ("summary", "uploads", "tasks", "requests")
"""The parts that move, each a template `live/NAME.html` and an element with that id."""
STATUSES = ("2xx", "4xx", "5xx", "400", "401", "402", "403", "404", "413", "429", "500", "none")


@dataclass(slots=True)
class Screen:
    """What one visitor sees, from one look to the next; `is_moving` says that a task runs."""

    visit: Visit
    wanted: Wanted
    is_moving: bool = False
    feed: RequestFeed = field(init=False)
    _html: dict[str, str] = field(init=False, default_factory=dict)
    _listed: tuple[Any, Any] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        journals = self.visit.service.worlds.state.journals
        self.feed = RequestFeed(journals, self.wanted, MAX_REQUESTS)

    async def look(self, *, afresh: bool) -> dict[str, str]:
        """Return the HTML of each region as it is now. Raises StorageError, StateError."""
        values = await self._values(afresh=afresh)
        names = {each.world: self._name_of(each.world) for each in values["requests"]}
        is_same, self._listed = self._listed == (made := (values["requests"], names)), made
        # The requests take longest, and stay as they are while nobody sends any.
        old = {"requests": self._html["requests"]} if is_same else {}
        self._html = {
            name: old.get(name) or text_of(self.visit, f"live/{name}.html", values)
            for name in REGIONS
        }
        return self._html

    async def _values(self, *, afresh: bool) -> Mapping[str, Any]:
        service, world = self.visit.service, self.visit.world
        if world is not None:
            # By its name: one that was evicted meanwhile is another by now.
            world = await service.worlds.by_name(world.name)
        tasks = await latest_tasks(service, world, MAX_TASKS)
        self.is_moving = tasks.is_moving
        return {
            "gallery": await latest_uploads(service, world, MAX_UPLOADS),
            "tasks": tasks,
            "requests": await self.feed.look(world, afresh=afresh),
            "is_filtered": self.wanted != Wanted(),
            "max_requests": MAX_REQUESTS,
            "clock": (world or service.worlds.server).clock,
            "shown_world": world,
            "name_of": self._name_of,
        }

    def _name_of(self, world: str) -> str:
        """Return the label of a world, or its id, by its name."""
        known = self.visit.service.worlds.state.pool.peek(world)
        return (known and known.shown_label) or id_of(world)


def wanted_in(visit: Visit) -> Wanted:
    """Return what the query of a request looks for; what it cannot mean is left out."""
    query = visit.request.query_params
    operation, status = query.get("operation", ""), query.get("status", "")
    return Wanted(
        operation if operation in JOURNALED else "",
        status if status in STATUSES else "",
        query.get("text", "")[:MAX_TEXT_CHARACTERS].strip(),
    )


async def show(visit: Visit) -> Response:
    """Answer with the screen as it is now."""
    wanted = wanted_in(visit)
    regions = await Screen(visit, wanted).look(afresh=True)
    query = {"operation": wanted.operation, "status": wanted.status, "text": wanted.text}
    return answer(
        visit,
        "live.html",
        screen="live",
        worlds=await worlds_of(visit),
        regions=regions,
        wanted=wanted,
        operations=JOURNALED,
        statuses=STATUSES,
        max_text=MAX_TEXT_CHARACTERS,
        events=visit.url(EVENTS, **query),
        now=visit.url(NOW, **query),
    )


async def show_now(visit: Visit) -> Response:
    """Answer with the regions alone, for who cannot have a stream."""
    regions = await Screen(visit, wanted_in(visit)).look(afresh=True)
    return answer(visit, "live/changes.html", regions=regions)
