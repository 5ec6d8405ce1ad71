"""What a browser remembers for the page alone: no script reads it, no other site has it sent."""

from __future__ import annotations

from starlette.responses import Response

from fake_apimart.page.visit import HOME, Visit


def remember(
    visit: Visit, response: Response, name: str, value: str, seconds: int | None = None
) -> None:
    """Have the browser keep a value for so many seconds, or until it is closed."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=_path(visit),
        secure=visit.is_secure,
        httponly=True,
        samesite="strict",
    )


def forget(visit: Visit, response: Response, name: str) -> None:
    """Have the browser drop a value."""
    response.delete_cookie(name, path=_path(visit), httponly=True, samesite="strict")


def _path(visit: Visit) -> str:
    return visit.root + HOME
