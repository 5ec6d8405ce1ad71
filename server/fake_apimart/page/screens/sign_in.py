"""Signing in where the page does not know who looks, and out again."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from fake_apimart.contract.api_key import may_be_good
from fake_apimart.page import cookies
from fake_apimart.page.access import (
    KEY_COOKIE,
    OPERATOR_COOKIE,
    cookie_of,
    is_admin_token,
    may_hold,
    proof_of,
)
from fake_apimart.page.forms import fields_of
from fake_apimart.page.rendering import answer
from fake_apimart.page.visit import HOME, PREFIX, Visit

SIGN_IN, SIGN_OUT = f"{PREFIX}sign-in", f"{PREFIX}sign-out"


def show(visit: Visit, problem: str = "") -> Response:
    """Answer with the forms for a token and for a key."""
    has_token = bool(visit.service.settings.admin_token)
    return answer(visit, "sign_in.html", 401, screen="", problem=problem, has_token=has_token)


async def sign_in(visit: Visit) -> Response:
    """Remember the token or the key of a form, where it is good."""
    settings, texts = visit.service.settings, visit.texts
    form = await fields_of(visit.request)
    token, key = form.get("token", ""), form.get("key", "")
    if token and is_admin_token(token, settings):
        return _remembering(visit, OPERATOR_COOKIE, proof_of(settings))
    if may_hold(key) and may_be_good(key, settings.api_keys):
        return _remembering(visit, KEY_COOKIE, cookie_of(key))
    return show(visit, texts.gettext("That is not the token of this server, nor an API key."))


def _remembering(visit: Visit, cookie: str, value: str) -> Response:
    response = _home(visit)
    cookies.remember(visit, response, cookie, value)
    return response


async def sign_out(visit: Visit) -> Response:
    """Forget who looks."""
    response = _home(visit)
    for name in (OPERATOR_COOKIE, KEY_COOKIE):
        cookies.forget(visit, response, name)
    return response


def _home(visit: Visit) -> RedirectResponse:
    return RedirectResponse(visit.root + HOME, 303)
