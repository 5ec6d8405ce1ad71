"""The screen to try the API by hand: its requests go from the browser to the real operations."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.responses import Response

from fake_apimart.generation.models import list_models
from fake_apimart.page.access import KEY_COOKIE
from fake_apimart.page.rendering import answer
from fake_apimart.page.visit import PREFIX, Visit
from fake_apimart.worlds.magic_keys import PREFIX as FAKE_PREFIX

PLAYGROUND = f"{PREFIX}playground"
KEY = f"{FAKE_PREFIX}playground"
"""An API key that every server takes."""
SIZES = ("1:1", "4:3", "3:4", "16:9", "9:16")


async def show(visit: Visit) -> Response:
    """Answer with the screen."""
    own_key = visit.request.cookies.get(KEY_COOKIE, "") if visit.has_own_world else ""
    return answer(
        visit,
        "playground.html",
        screen="playground",
        api_key=unquote(own_key) or KEY,
        models=[model.id for model in list_models(visit.service.settings.models)],
        sizes=SIZES,
        max_file_bytes=visit.target.world_or_server.settings.max_file_bytes,
    )
