"""The screen that drives a world, or the whole server: clock, rules, settings, resets."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from fake_apimart.contract.operations import BY_NAME, DIALECTS, JOURNALED
from fake_apimart.http.socket_faults import SOCKET_FAULTS
from fake_apimart.page.rendering import answer
from fake_apimart.page.views.worlds import worlds_of
from fake_apimart.page.visit import PREFIX, Visit
from fake_apimart.worlds.faults import errors_of

CONTROL = f"{PREFIX}control"
ADVANCES = ("1m", "1h", "24h", "72h")
"""How far the buttons move the clock."""


async def show(visit: Visit, status: int = 200, /, **told: Any) -> Response:
    """Answer with the screen, or its moving part, and what is `told` of a change."""
    values = {**await _values_of(visit), **told}
    if visit.wants_part:
        return answer(visit, "control/panel.html", status, **values)
    return answer(visit, "control.html", status, worlds=await worlds_of(visit), **values)


async def _values_of(visit: Visit) -> dict[str, Any]:
    """Return what the templates show of the world, or of the server."""
    world = visit.target.world_or_server
    rules = await visit.service.worlds.state.rules.of(world)
    return {
        "screen": "control",
        "shown_world": world,
        "rules": rules,
        "settings": world.settings,
        "own_settings": world.overrides,
        "advances": ADVANCES,
        "dialects": DIALECTS,
        "faults": {name: errors_of(name) for name in JOURNALED},
        "routes": {name: BY_NAME[name] for name in JOURNALED},
        "socket_faults": SOCKET_FAULTS,
        "done": "",
        "problem": "",
        "typed": {},
    }
