"""Templates to HTML, and the headers that keep a browser from doing anything else with it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from fake_apimart.page import wording
from fake_apimart.page.languages import LANGUAGES, texts_in
from fake_apimart.page.reference import markdown
from fake_apimart.page.visit import COOKIES, HOME, PREFIX, THEME, THEMES, Visit

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"
STATIC_URL = f"{PREFIX}static"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_YEAR_SECONDS = 365 * 86_400


@functools.cache
def environment(language: str) -> Environment:
    """Return the templates, with the texts of a language."""
    # Imported here because it costs milliseconds and memory of a server that nobody looks at.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = texts_in(language)
    made.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"languages": LANGUAGES, "themes": THEMES, "home": HOME, "prefix": PREFIX}
    made.filters |= wording.filters_in(texts)
    made.filters |= {"blocks": markdown.blocks, "inline": markdown.inline}
    return made


def text_of(visit: Visit, template: str, values: Mapping[str, Any]) -> str:
    """Return a template as HTML."""
    found = environment(visit.choices.language).get_template(template)
    return found.render(visit=visit, static=f"{visit.root}{STATIC_URL}", **values)


def answer(visit: Visit, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """Return a template as an answer, which remembers what the visitor has chosen."""
    response = HTMLResponse(text_of(visit, template, values), status, HEADERS)
    for name, value in visit.choices.stated.items():
        known = LANGUAGES if name != THEME else THEMES
        response.set_cookie(
            COOKIES[name],
            value if value in known else "",
            max_age=_YEAR_SECONDS if value in known else 0,
            path=visit.root + HOME,
            httponly=True,
            samesite="strict",
        )
    return response
