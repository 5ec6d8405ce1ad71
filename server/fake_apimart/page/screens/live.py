"""The first screen: uploads, tasks and requests, as they come."""

from __future__ import annotations

import asyncio
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
from fake_apimart.page.visit import HOME, PREFIX, Visit
from fake_apimart.service.known_worlds import KnownWorld
from fake_apimart.worlds.world import id_of

MAX_UPLOADS, MAX_TASKS, MAX_REQUESTS = 12, 6, 100
MORE = 20
"""How many times as many uploads and tasks who asks for more sees."""
WORLDS_SECONDS = 2.0
"""Between two looks at what worlds there are."""
EVENTS, NOW = f"{PREFIX}events", f"{PREFIX}now"
REGIONS = ("summary", "uploads", "tasks", "requests")
"""The parts that move, each a template `live/NAME.html` and an element with that id."""
WORLD = "world"
"""What an operator chooses a world by, which moves too."""
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
    worlds: list[KnownWorld] = field(init=False, default_factory=list)
    _worlds_until: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        journals = self.visit.service.worlds.state.journals
        self.feed = RequestFeed(journals, self.wanted, MAX_REQUESTS)

    @property
    def factor(self) -> int:
        """By how much more is shown than usually."""
        return MORE if self.visit.asked("more") else 1

    async def look(self, *, afresh: bool) -> dict[str, str]:
        """Return the HTML of each region as it is now. Raises StorageError, StateError."""
        values = await self._values(afresh=afresh)
        regions = (*REGIONS, WORLD) if self.worlds else REGIONS
        names = {each.world: self._name_of(each.world) for each in values["requests"]}
        listed = (values["requests"], names)
        # The requests take longest, and stay as they are while nobody sends any.
        old = {"requests": self._html["requests"]} if listed == self._listed else {}
        self._listed = listed
        self._html = {
            name: old.get(name) or text_of(self.visit, f"live/{name}.html", values)
            for name in regions
        }
        return self._html

    async def _values(self, *, afresh: bool) -> Mapping[str, Any]:
        service, world = self.visit.service, self.visit.world
        if world is not None:
            # By its name: one that was evicted meanwhile is another by now.
            world = await service.worlds.by_name(world.name)
        tasks = await latest_tasks(service, world, MAX_TASKS * self.factor)
        self.is_moving = tasks.is_moving
        return {
            "gallery": await latest_uploads(service, world, MAX_UPLOADS * self.factor),
            "tasks": tasks,
            "requests": await self.feed.look(world, afresh=afresh),
            "is_filtered": self.wanted != Wanted(),
            "max_requests": MAX_REQUESTS,
            "clock": (world or service.worlds.server).clock,
            "shown_world": world,
            "worlds": await self._known(),
            "everything": self.visit.texts.gettext("All worlds"),
            "more": self._url_of_more(),
            "name_of": self._name_of,
        }

    def _url_of_more(self) -> str:
        """Return the URL of this screen with more on it, empty where it has that already."""
        if self.factor > 1:
            return ""
        return self.visit.url(HOME, **query_of(self.wanted), more=1)

    async def _known(self) -> list[KnownWorld]:
        """Return the worlds there are, as they were a moment ago."""
        now = asyncio.get_running_loop().time()
        if now >= self._worlds_until:
            self.worlds = await worlds_of(self.visit)
            self._worlds_until = now + WORLDS_SECONDS
        return self.worlds

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


def query_of(wanted: Wanted) -> dict[str, str]:
    """Return the parameters that `wanted_in` reads."""
    return {"operation": wanted.operation, "status": wanted.status, "text": wanted.text}


async def show(visit: Visit) -> Response:
    """Answer with the screen as it is now."""
    wanted = wanted_in(visit)
    screen = Screen(visit, wanted)
    regions = await screen.look(afresh=True)
    query = {**query_of(wanted), "more": visit.asked("more")[:1]}
    return answer(
        visit,
        "live.html",
        screen="live",
        worlds=screen.worlds,
        shown_more=query["more"],
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
