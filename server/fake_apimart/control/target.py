"""Whose world a control call is about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from fake_apimart.api_key import HEADER, bearer_key
from fake_apimart.backend import Backend
from fake_apimart.control import refusals
from fake_apimart.world import World

# For the OpenAPI page alone, where it makes a field for the key.
_shown = HTTPBearer(auto_error=False, description="An API key, whose world the call is about.")


def backend_of(request: Request) -> Backend:
    """What the control API controls."""
    backend: Backend = request.app.state.backend
    return backend


TheBackend = Annotated[Backend, Depends(backend_of)]


async def world_or_none(
    request: Request, backend: TheBackend, _: Annotated[object, Depends(_shown)]
) -> AsyncIterator[World | None]:
    """The world of the call's key, which is not forgotten meanwhile; None for the whole server."""
    key = bearer_key(request.headers.get(HEADER, ""))
    if not key:
        yield None
        return
    world = await backend.worlds.of_key(key)
    world.running += 1
    try:
        yield world
    finally:
        world.running -= 1


async def world_or_server(
    backend: TheBackend, world: Annotated[World | None, Depends(world_or_none)]
) -> World:
    """The world of the call's key, or the server's own."""
    return world or backend.worlds.server


async def world_of_key(world: Annotated[World | None, Depends(world_or_none)]) -> World:
    """The world of the call's key. Raises `no_bearer_key`."""
    if world is None:
        raise refusals.no_bearer_key()
    return world


WorldOrNone = Annotated[World | None, Depends(world_or_none)]
"""None where the call is about the whole server."""
WorldOrServer = Annotated[World, Depends(world_or_server)]
"""The server's own world where the call is about the whole server."""
WorldOfKey = Annotated[World, Depends(world_of_key)]
"""For what can only be asked of a world."""
