"""The target of a control request: one world, or the whole server."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from fake_apimart.contract.api_key import HEADER, key_of
from fake_apimart.control import refusals
from fake_apimart.gateway.dispatch import LifespanNotRun
from fake_apimart.service.service import Service
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import World


class Target:
    """The service that received a request, and the world of the request's key.

    `world` is None if the request is about the whole server.
    """

    def __init__(self, service: Service, world: World | None) -> None:
        self.service = service
        self.world = world

    @property
    def world_or_server(self) -> World:
        """The world of the request's key, or the server's own."""
        return self.world or self.service.worlds.server

    @property
    def world_of_key(self) -> World:
        """The world of the request's key. Raises `no_api_key`."""
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


async def target_of(request: Request) -> Target:
    """Return the target of a request, up to date. Raises StorageError, StateError."""
    service = service_of(request)
    key = key_of(request.headers.get(HEADER, ""))
    if not key:
        await service.worlds.up_to_date(service.worlds.server)
    return Target(service, await service.worlds.by_key(key) if key else None)


# One dependency rather than several: each is a considerable part of the cost of a request.
TargetDep = Annotated[Target, Depends(target_of)]
