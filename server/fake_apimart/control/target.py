"""Whose world a control call is about."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from fake_apimart.contract.api_key import HEADER, bearer_key
from fake_apimart.control import refusals
from fake_apimart.service.service import Backend
from fake_apimart.worlds.world import World


class Target:
    """The server that a call came to, and the world of the call's key.

    `world` is None where the call is about the whole server.
    """

    def __init__(self, backend: Backend, world: World | None) -> None:
        self.backend = backend
        self.world = world

    @property
    def world_or_server(self) -> World:
        """The world of the call's key, or the server's own."""
        return self.world or self.backend.worlds.server

    @property
    def world_of_key(self) -> World:
        """The world of the call's key. Raises `no_bearer_key`."""
        if self.world is None:
            raise refusals.no_bearer_key()
        return self.world

    @property
    def worlds(self) -> list[World]:
        """The world of the call's key, or all of them, the server's own among them."""
        return [self.world] if self.world else [self.backend.worlds.server, *self.backend.worlds]


async def target_of(request: Request) -> Target:
    """What a call is about. Raises StorageError."""
    backend: Backend = request.app.state.backend
    key = bearer_key(request.headers.get(HEADER, ""))
    return Target(backend, await backend.worlds.of_key(key) if key else None)


# Each dependency costs a control call a good part of what it costs in all: so there is this one.
TheTarget = Annotated[Target, Depends(target_of)]
