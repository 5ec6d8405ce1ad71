"""Who may call, and how often."""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import Request

from fake_apimart.contract import errors
from fake_apimart.gateway.exchange import call_of
from fake_apimart.worlds import magic_keys
from fake_apimart.worlds.faults import Step
from fake_apimart.worlds.world import World


class Admission:
    """Lets requests in: by their key, and where they make something, as often as the rate allows.

    Any key is good where `api_keys` has none. Those that can be no real ones are always good,
    unless `takes_fakes` is off.
    """

    def __init__(self, api_keys: Collection[str], *, takes_fakes: bool) -> None:
        self._api_keys = api_keys
        self._takes_fakes = takes_fakes

    def admit(self, request: Request) -> World:
        """The world of a request's key. Raises `invalid_api_key`, whatever is wrong with it (live),
        and what a rule of the world says.
        """
        call = call_of(request)
        if not call.key or not self._is_good(call.key):
            raise errors.invalid_api_key()
        call.fire(Step.KEY)
        if call.operation not in _COUNTED:
            call.fire(Step.RATE)
            return call.world
        call.world.take_turn()
        call.fire(Step.RATE)
        return call.world

    def _is_good(self, key: str) -> bool:
        if not self._api_keys or key in self._api_keys:
            return True
        return self._takes_fakes and magic_keys.is_fake(key)


_COUNTED = ("uploads.create", "generations.create")
