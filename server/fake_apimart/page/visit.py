"""One request for the page: who looks, at which world, in which language and colours."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from fake_apimart.control.target import WORLD, Target, service_of, world_by_id, world_id_of
from fake_apimart.gateway.exchange import exchange_of
from fake_apimart.page.access import Viewer, viewer_of
from fake_apimart.page.languages import Texts, language_of, texts_in
from fake_apimart.service.service import Service
from fake_apimart.worlds.world import World

HOME = "/_fake/"
PREFIX = f"{HOME}page/"
LANGUAGE, THEME = "language", "theme"
THEMES = ("light", "dark")
COOKIES = {LANGUAGE: "fake_apimart_language", THEME: "fake_apimart_theme"}
"""What is remembered of a visitor's choices, by the parameter of the query that states one."""


@dataclass(frozen=True, slots=True)
class Choices:
    """How somebody wants the page to be; `theme` is empty where the system decides.

    `stated` are those that the query has, which are to be remembered.
    """

    language: str
    theme: str
    stated: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, and what the page knows of it; `world` is the one that is looked at, or None.

    `viewer` is None until it is known who looks. `root` is the path under which a browser reaches
    this server, `base_url` its URL. `is_secure` says that it comes by TLS.
    """

    request: Request
    service: Service
    viewer: Viewer | None
    choices: Choices
    world: World | None
    root: str
    base_url: str
    is_secure: bool

    @property
    def texts(self) -> Texts:
        """The catalogue of the visitor's language."""
        return texts_in(self.choices.language)

    @property
    def wants_part(self) -> bool:
        """Whether htmx asks, which has the rest of the screen already."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def has_own_world(self) -> bool:
        """Whether the visitor has signed in by a key, and sees its world alone."""
        return self.viewer is not None and not self.viewer.is_operator

    @property
    def target(self) -> Target:
        """What the functions of the control API are about."""
        return Target(self.service, self.world)

    @property
    def world_id(self) -> str:
        """The id of the world, empty for all."""
        return "" if self.world is None else self.world.name

    def asked(self, name: str) -> str:
        """Return a parameter of the query, empty where it is missing."""
        return self.request.query_params.get(name, "")

    def url(self, path: str, **query: Any) -> str:
        """Return the URL of a path of the page, about the world that is looked at."""
        given = {WORLD: self.world_id, **query}
        told = {name: value for name, value in given.items() if value not in ("", None)}
        return f"{self.root}{path}" + (f"?{urlencode(told)}" if told else "")

    def here(self, **query: str) -> str:
        """Return the URL of this request with other parameters in its query.

        What a form was sent to cannot be asked for again: there it is the first screen's.
        """
        merged = {**self.request.query_params, **query}
        told = {name: value for name, value in merged.items() if value}
        path = "" if self.request.method == "GET" else f"{self.root}{HOME}"
        return f"{path}?{urlencode(told)}"


def unknown_visit_of(request: Request) -> Visit:
    """Return what is known of a request before it is known who looks."""
    service, arrival = service_of(request), exchange_of(request.scope).arrival
    settings = service.settings
    return Visit(
        request,
        service,
        viewer=None,
        choices=choices_of(request),
        world=None,
        root=arrival.base_path(settings),
        base_url=arrival.base_url(settings),
        is_secure=arrival.client_scheme(settings) == "https",
    )


async def visit_of(request: Request) -> Visit:
    """Return what is known of a request by somebody who may look.

    Raises SignInNeeded, ApiError for a world that is not there, StorageError, StateError.
    """
    visit = unknown_visit_of(request)
    viewer = await viewer_of(request, visit.service)
    world = viewer.world or await _chosen_world(visit)
    return dataclasses.replace(visit, viewer=viewer, world=world)


async def _chosen_world(visit: Visit) -> World | None:
    service = visit.service
    if not visit.asked(WORLD):
        await service.worlds.up_to_date(service.worlds.server)
        return None
    return await world_by_id(service, world_id_of(visit.request) or "")


def choices_of(request: Request) -> Choices:
    """Return what the query says, then the cookies, then the browser."""
    query = request.query_params
    stated = {name: query[name] for name in COOKIES if name in query}
    chosen = {name: query.get(name) or request.cookies.get(COOKIES[name], "") for name in COOKIES}
    language = language_of(chosen[LANGUAGE], request.headers.get("accept-language", ""))
    theme = chosen[THEME] if chosen[THEME] in THEMES else ""
    return Choices(language, theme, stated)
