"""Servers that cases are run against, and what can be done with each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from fake_apimart.client.connection import Place


class Target(NamedTuple):
    """A server at the other end."""

    place: Place
    key: Callable[[], str]
    """Gives the API key for the next case."""
    has_control: bool
    """Whether it is a fake with a control API, in whose worlds cases cannot meet."""
    is_exact: bool
    """Whether it is reached directly: what stands in between may add headers."""
    seconds: float
    """How long a read may take."""
    pace: Pace | None = None
    poll_seconds: float = 0.02
    """How long to wait between two polls."""
    skew: float = 0
    """By how much its clock is ahead of ours, in seconds."""
    secret: str = ""
    """A key that no report shows."""
    terminate: Callable[[], None] | None = None
    """Tells it to stop, where it is ours."""


class Pace(Protocol):
    """Slows requests down."""

    def wait(self) -> None:
        """Return once the next request may be sent."""

    def back_off(self, retry_after: str | None, tries: int) -> bool:
        """Wait as a 429 asks for, which came after so many tries; return whether to try again."""
