"""The forms that a browser sends to the page."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request

from fake_apimart.control.body import read_body


async def fields_of(request: Request) -> Mapping[str, str]:
    """Return the fields of a form without the blanks around them; files are left out.

    Raises `too_large`, and `invalid_call` for what is none.
    """
    read = await read_body(request)
    async with read.form() as form:
        return {name: value.strip() for name, value in form.items() if isinstance(value, str)}
