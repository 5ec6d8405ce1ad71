"""Servers that are there already: another fake, or the real service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from fake_apimart.cases.case import Case, Request
from fake_apimart.client.answer import Answer
from fake_apimart.client.connection import NoAnswer, Place, ask
from fake_apimart.client.request_bytes import bytes_of_request
from fake_apimart.targets.own_servers import fresh_key
from fake_apimart.targets.selection import Means, needs_key, reason_not_to_run
from fake_apimart.targets.target import Target

_FAKE_SECONDS = 20.0
_SERVICE_SECONDS = 60.0
_POLL_SECONDS = 5.0
_REQUESTS_PER_SECOND = 2
_MAX_WAIT_SECONDS = 60.0
_TRIES = 3
_OK = 200
_NOT_FOUND = 404
_FOREIGN = frozenset({"server", "via", "connection"})
"""Headers that no fake answers with here, but proxies add."""


class Found(NamedTuple):
    """What a server turned out to be."""

    place: Place
    is_fake: bool
    has_control: bool
    dialect: str
    is_direct: bool
    """Whether nobody in between, such as a proxy, adds headers to a fake's answers."""
    skew: float
    """By how much its clock is ahead of ours, in seconds."""


def find(url: str) -> Found:
    """Ask a server what it is, by requests that need no key.

    Raises NoAnswer where there is none, or none that can be the API; ValueError for no URL.
    """
    place = Place.of(url)
    health = _get(place, "/_fake/health")
    is_fake = health.status == _OK and _is_our_health(health)
    has_control = is_fake and _get(place, "/_fake/world", fresh_key()).status == _OK
    # This route is there in the dialect `page` alone, which is said before the key is looked at.
    route = _get(place, "/v1/images/generations/task_none")
    if not is_fake and not route.body.startswith(b"{"):
        raise NoAnswer(f"{place.base} answers {route.status}, and not in the form of the API")
    dialect = "live" if route.status == _NOT_FOUND else "page"
    is_direct = is_fake and _FOREIGN.isdisjoint(name for name, _ in health.headers)
    return Found(place, is_fake, has_control, dialect, is_direct, _skew(route))


class ForeignServer:
    """A server that was found, for the cases that can be run against it."""

    def __init__(self, found: Found, means: Means, api_key: str | None) -> None:
        self._means = means
        self._target = Target(
            place=found.place,
            key=_keys(found, api_key),
            has_control=found.has_control,
            is_exact=found.is_direct,
            seconds=_FAKE_SECONDS if found.has_control else _SERVICE_SECONDS,
            pace=None if found.has_control else ServicePace(),
            poll_seconds=0.02 if found.has_control else _POLL_SECONDS,
            skew=found.skew,
            secret=api_key or "",
        )
        self.url = found.place.base
        self.is_fake = found.is_fake
        self.dialect = found.dialect
        self._has_key = found.has_control or api_key is not None

    @property
    def at_once(self) -> int:
        """How many cases may be run at once."""
        return 8 if self._target.has_control else 1

    def target_for(self, case: Case) -> Target | str:
        """Return the server, or why a case cannot be run against it."""
        if not self._has_key and needs_key(case):
            return "needs --api-key"
        return reason_not_to_run(case, self._means) or self._target


class ServicePace:
    """Two requests a second at the most, and fewer where the service asks for it."""

    def __init__(self, per_second: float = _REQUESTS_PER_SECOND) -> None:
        self._interval = 1 / per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return once the next request may be sent."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._interval
        time.sleep(start - now)

    def back_off(self, retry_after: str | None, tries: int) -> bool:
        """Wait as a 429 asks for, which came after so many tries; return whether to try again."""
        if tries > _TRIES:
            return False
        asked = retry_after if retry_after and retry_after.isdecimal() else 5 * tries
        seconds = float(asked)
        time.sleep(min(seconds, _MAX_WAIT_SECONDS))
        return True


def _keys(found: Found, api_key: str | None) -> Callable[[], str]:
    if found.has_control or api_key is None:
        return fresh_key
    return lambda: api_key


def _get(place: Place, path: str, key: str | None = None) -> Answer:
    request = bytes_of_request(Request(path=path, key=key), place, {})
    answer = ask(place, request, _FAKE_SECONDS)
    if answer is None:
        raise NoAnswer(f"{place.base} closes the connection")
    return answer


def _is_our_health(answer: Answer) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and {"status", "version", "storage"} <= body.keys()


def _skew(answer: Answer) -> float:
    """Return by how much the server's clock is ahead; within a second it is the same."""
    try:
        at = parsedate_to_datetime(answer.header("date") or "").timestamp()
    except (ValueError, OverflowError):
        return 0.0
    skew = at + 0.5 - time.time()
    return skew if abs(skew) > 1 else 0.0
