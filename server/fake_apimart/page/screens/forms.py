"""The forms that a browser posts."""

from __future__ import annotations

from collections.abc import Mapping

from fake_apimart.control.body import read_body
from fake_apimart.page.visit import Visit

Form = Mapping[str, str]


async def form_of(visit: Visit) -> Form:
    """Return the texts of a form by their names, without blanks around them.

    Raises `too_large`, and `invalid_call` for a body that is no whole form.
    """
    request = await read_body(visit.request)
    async with request.form() as form:
        return {name: value.strip() for name, value in form.items() if isinstance(value, str)}
