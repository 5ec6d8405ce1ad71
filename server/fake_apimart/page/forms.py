"""The forms that a browser sends to the page."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from python_multipart.exceptions import FormParserError
from starlette.exceptions import HTTPException

from fake_apimart.control import refusals
from fake_apimart.control.body import read_body

URLENCODED = "application/x-www-form-urlencoded"
TYPES = (URLENCODED, "multipart/form-data")
MAX_FIELDS = 1000
"""More than any form of the page has."""


async def fields_of(request: Request) -> Mapping[str, str]:
    """Return the fields of a form without the blanks around them; files are left out.

    A form without fields has no body, and perhaps no type. Raises `not_of_type`, `too_large`, and
    `invalid_call` for what is none.
    """
    read = await read_body(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in TYPES:
        if media_type or await read.body():
            raise refusals.not_of_type(URLENCODED)
        return {}
    if (await read.body()).count(b"&") >= MAX_FIELDS:
        raise refusals.invalid_call(f"the form has more than {MAX_FIELDS} fields")
    try:
        async with read.form() as form:
            return {name: value.strip() for name, value in form.items() if isinstance(value, str)}
    except (HTTPException, FormParserError) as error:
        # Some versions of Starlette let the parser's own error through.
        raise refusals.invalid_call(f"the form cannot be read: {error}") from None
