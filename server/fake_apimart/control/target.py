"""The target of a control request: one world, or the whole server."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request

from fake_apimart.contract.api_key import HEADER, key_of
from fake_apimart.control import refusals
from fake_apimart.gateway.dispatch import LifespanNotRun
from fake_apimart.service.known_worlds import (
    ID_PATTERN,
    MIN_DIGITS,
    AmbiguousWorld,
    NoWorldId,
    UnknownWorld,
    check_id,
)
from fake_apimart.service.service import Service
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import World

WORLD = "world"
"""The parameter of the query that names a world in place of a key."""

WorldId = Annotated[
    str | None,
    Query(
        alias=WORLD,
        pattern=ID_PATTERN,
        description=(
            "A world by its name or a beginning of it, in place of its key: at least "
            f"{MIN_DIGITS} digits. For those alone who may call about the whole server."
        ),
    ),
]


class Target:
    """The service that received a request, and the world that it is about.

    `world` is None if the request is about the whole server.
    """

    def __init__(self, service: Service, world: World | None) -> None:
        self.service = service
        self.world = world

    @property
    def world_or_server(self) -> World:
        """The world that the request is about, or the server's own."""
        return self.world or self.service.worlds.server

    @property
    def world_alone(self) -> World:
        """The world that the request is about. Raises `no_api_key` where that is the server."""
        if self.world is None:
            raise refusals.no_api_key()
        return self.world

    @property
    def state(self) -> State:
        """The state of worlds."""
        return self.service.worlds.state


def service_of(request: Request) -> Service:
    """Return the service that received a request. Raises LifespanNotRun."""
    service: Service | None = request.app.service
    if service is None:
        raise LifespanNotRun
    return service


def world_id_of(request: Request) -> str | None:
    """Return the id by which a request names a world, or None. Raises `invalid_call`."""
    found = request.query_params.getlist(WORLD)
    if not found:
        return None
    if len(found) > 1:
        raise refusals.invalid_call(f"{WORLD}: expected one")
    try:
        return check_id(found[0])
    except NoWorldId as error:
        raise refusals.invalid_call(f"{WORLD}: {error}") from None


async def world_by_id(service: Service, world_id: str) -> World:
    """Return the world of an id. Raises `unknown`, `ambiguous`, StorageError, StateError."""
    try:
        return await service.known.world_by_id(world_id)
    except UnknownWorld:
        raise refusals.unknown(f"world {world_id}") from None
    except AmbiguousWorld as error:
        raise refusals.ambiguous(WORLD, error.names) from None


async def target_of(request: Request, world_id: WorldId = None) -> Target:
    """Return the target of a request, up to date.

    `access` has checked who names a world by its id, and the id. Raises `unknown`, `ambiguous`,
    StorageError, StateError.
    """
    service = service_of(request)
    if world_id is not None:
        return Target(service, await world_by_id(service, world_id))
    key = key_of(request.headers.get(HEADER, ""))
    if not key:
        await service.worlds.up_to_date(service.worlds.server)
    return Target(service, await service.worlds.by_key(key) if key else None)


# One dependency rather than several: each is a considerable part of the cost of a request.
TargetDep = Annotated[Target, Depends(target_of)]
