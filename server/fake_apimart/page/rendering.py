"""Templates to HTML, and the headers that keep a browser from doing anything else with it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from fake_apimart.contract import file_url
from fake_apimart.machine.shortage import loading
from fake_apimart.page import cookies, wording
from fake_apimart.page.languages import LANGUAGES, texts_in
from fake_apimart.page.reference import markdown
from fake_apimart.page.visit import COOKIES, HOME, LANGUAGE, PREFIX, THEME, THEMES, Visit
from fake_apimart.worlds.world import id_of

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
STATIC_URL = f"{PREFIX}static"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What every answer of the page says, be it a refusal, a redirect or a file."""
_YEAR_SECONDS = 365 * 86_400
_KNOWN = {LANGUAGE: LANGUAGES, THEME: THEMES}


@functools.cache
def environment(language: str) -> Environment:
    """Return the templates, with the texts of a language. Raises Shortage."""
    # Imported here because it costs milliseconds and memory of a server that nobody looks at.
    with loading("jinja2"):
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
    made.filters |= {"file_path": _file_path, "world_id": id_of}
    return made


def _file_path(name: str) -> str:
    """Return the path of the URL of a file, by the end of it."""
    return file_url.path_of(file_url.key_of(name))


def text_of(visit: Visit, template: str, values: Mapping[str, Any]) -> str:
    """Return a template as HTML. Raises Shortage."""
    found = environment(visit.choices.language).get_template(template)
    return found.render(visit=visit, static=f"{visit.root}{STATIC_URL}", **values)


def answer(visit: Visit, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """Return a template as an answer, which remembers what the visitor has chosen.

    Raises Shortage.
    """
    response = HTMLResponse(text_of(visit, template, values), status, HEADERS)
    for name, value in visit.choices.stated.items():
        if value in _KNOWN[name]:
            cookies.remember(visit, response, COOKIES[name], value, _YEAR_SECONDS)
        else:
            cookies.forget(visit, response, COOKIES[name])
    return response
