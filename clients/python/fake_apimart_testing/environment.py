"""The environment variables by which programs find a world."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Monkeypatch(Protocol):
        """What is used of pytest's fixture `monkeypatch`."""

        def setenv(self, name: str, value: str) -> None: ...


# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

EVERY_HOST = "*"
"""What `NO_PROXY` says where no host has a proxy; it means that alone, and not in a list."""


class Environment(dict[str, str]):
    """Where APIMart is and with which key, and that no proxy comes between.

    `NO_PROXY` keeps the hosts that this process has in it. Both of its spellings are set: programs
    read the one or the other.
    """

    def __init__(self, base_url: str, api_key: str) -> None:
        hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        without_proxy = _with_host(hosts, base_url)
        super().__init__(
            APIMART_BASE_URL=base_url,
            APIMART_API_KEY=api_key,
            NO_PROXY=without_proxy,
            no_proxy=without_proxy,
        )

    def setenv(self, monkeypatch: Monkeypatch) -> None:
        """Set the variables for the duration of this test."""
        if not hasattr(monkeypatch, "setenv"):
            raise TypeError(f"monkeypatch must be pytest's fixture, not {monkeypatch!r:.100}")
        for name, value in self.items():
            monkeypatch.setenv(name, value)


def _with_host(hosts: str, base_url: str) -> str:
    """Return the list `hosts` with the host of `base_url` in it."""
    from urllib.parse import urlsplit

    own = urlsplit(base_url).hostname or ""
    listed = [each.strip() for each in hosts.split(",") if each.strip()]
    if EVERY_HOST in listed:
        return EVERY_HOST
    return ",".join(listed if own in listed else [*listed, own])
