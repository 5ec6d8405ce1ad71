"""The worlds that a visitor may choose from."""

from __future__ import annotations

from fake_apimart.page.visit import Visit
from fake_apimart.service.known_worlds import KnownWorld

MAX_WORLDS = 200
"""How many there are to choose from: those that were used last."""


async def worlds_of(visit: Visit) -> list[KnownWorld]:
    """Return the worlds that were used last, if all are the visitor's to see.

    They are in the order of their labels, which does not change with each request, those without
    one behind. Raises StorageError, StateError.
    """
    if visit.viewer is None or not visit.viewer.is_operator:
        return []
    found = await visit.service.known.known_worlds(MAX_WORLDS)
    return sorted(found, key=lambda each: (not each.label, each.label, each.name))
