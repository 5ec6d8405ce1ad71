"""Scripts, styles and pictures of the page itself, from the package."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import Response

from fake_apimart.openapi.pages import PackagedFiles
from fake_apimart.page.rendering import STATIC_URL
from fake_apimart.page.visit import Visit

FILE = f"{STATIC_URL}/{{path:path}}"
_FILES = PackagedFiles(directory=Path(__file__).parents[1] / "static")


async def show(visit: Visit) -> Response:
    """Answer with a file, or 304 where the browser has it. Raises HTTPException."""
    request = visit.request
    response = await _FILES.get_response(request.path_params["path"], request.scope)
    # Browsers ask again: another version of the server has other files of these names.
    response.headers["Cache-Control"] = "no-cache"
    return response
