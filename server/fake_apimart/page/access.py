"""Who may look at the page, and at what: the operator at all, who knows a key at its world alone.

The operator is who may call the control API about the whole server: whom only this machine can
have sent, or who knows the admin token. A browser sends no header of its own, so that whoever signs
in by the token or by a key gets a cookie, which is good for the page alone.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote, unquote

from fastapi import Request

from fake_apimart.contract.api_error import ApiError
from fake_apimart.contract.api_key import may_be_good
from fake_apimart.control.access import check_for_whole_server
from fake_apimart.service.service import Service
from fake_apimart.settings.settings import Settings
from fake_apimart.worlds.world import World

OPERATOR_COOKIE = "fake_apimart_operator"
KEY_COOKIE = "fake_apimart_key"
MAX_COOKIE_CHARACTERS = 3500
"""The longest value of a cookie: browsers drop one that is longer than 4096 with all it says."""
_PURPOSE = b"the page of fake-apimart"


class SignInNeeded(Exception):
    """The page does not know who looks."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: the operator, or somebody with the key of one world.

    `world` is the only one that they see, and None for the operator. `is_signed_in` says that a
    cookie tells who it is.
    """

    world: World | None = None
    is_signed_in: bool = False

    @property
    def is_operator(self) -> bool:
        """Whether all worlds are theirs."""
        return self.world is None


async def viewer_of(request: Request, service: Service) -> Viewer:
    """Return who looks. Raises SignInNeeded, StorageError, StateError."""
    settings = service.settings
    given = request.cookies.get(OPERATOR_COOKIE, "")
    if settings.admin_token and hmac.compare_digest(given.encode(), proof_of(settings).encode()):
        return Viewer(is_signed_in=True)
    key = unquote(request.cookies.get(KEY_COOKIE, ""))
    if may_be_good(key, settings.api_keys):
        return Viewer(await service.worlds.by_key(as_sent(key)), is_signed_in=True)
    try:
        check_for_whole_server(request, settings)
    except ApiError:
        raise SignInNeeded from None
    return Viewer()


def proof_of(settings: Settings) -> str:
    """Return what a browser holds in place of the admin token, which it cannot be found from."""
    return hmac.new(settings.admin_token.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def is_admin_token(token: str, settings: Settings) -> bool:
    """Return whether `token` is the server's admin token, and it has one."""
    expected = settings.admin_token.encode()
    return bool(expected) and hmac.compare_digest(token.encode("utf-8", "replace"), expected)


def as_sent(key: str) -> str:
    """Return a key as requests have it: one character for each byte, whatever the bytes mean."""
    return key.encode("utf-8", "replace").decode("latin-1")


def may_hold(key: str) -> bool:
    """Return whether a client can send a key in a header, and a cookie hold it."""
    return key.isprintable() and len(cookie_of(key)) <= MAX_COOKIE_CHARACTERS


def cookie_of(key: str) -> str:
    """Return an API key as a cookie may hold it."""
    return quote(key, safe="")
