"""The ledger: what the server has acknowledged, and what it has refused, world by world.

A request whose answer was lost is in doubt: it may have been carried out or not, until a later
answer tells.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from soak.load.picture import Picture

RANKS = {"submitted": 0, "pending": 1, "processing": 2, "completed": 3, "failed": 3}
SETTINGS, CLOCK = "settings", "clock"
ENDED = RANKS["completed"]


@dataclass
class StoredFile:
    """An upload that was answered 200."""

    picture: Picture
    path: str
    created_at: int
    etag: str | None = None


@dataclass
class Task:
    """A task whose create was answered 200 or 202."""

    id: str
    prompt: str
    failure: str | None
    webhook: str | None = None
    rank: int = 0
    final: Mapping[str, Any] | None = None
    """What the task said of itself when it was first seen to have ended."""
    results: dict[str, bytes] = field(default_factory=dict)
    """The digests of its results, by path."""

    def advance(self, data: Mapping[str, Any]) -> str | None:
        """Take note of a poll; return what is wrong with it, if anything is."""
        if data.get("id") != self.id:
            return f"task {self.id} answers as {data.get('id')}"
        status = str(data.get("status"))
        rank = RANKS.get(status, -1)
        if rank < self.rank:
            return f"task {self.id} went back to {status}"
        if rank == ENDED and status != ("failed" if self.failure else "completed"):
            return f"task {self.id} is {status}: {data.get('error')}"
        if self.final is not None and dict(data) != self.final:
            return f"task {self.id} said {self.final}, now {dict(data)}"
        self.rank = rank
        if rank == ENDED:
            self.final = dict(data)
        return None

    def result_paths(self) -> list[str]:
        """Return the paths of the URLs of its results; none before it has completed."""
        images = ((self.final or {}).get("result") or {}).get("images", ())
        urls = [url for image in images for url in image["url"]]
        return ["/" + url.split("/", 3)[3] for url in urls]


@dataclass
class IdempotentCreate:
    """A create with an Idempotency-Key; `task_id` is None until one of its answers has come."""

    key: str
    prompt: str
    body: bytes
    task_id: str | None = None


@dataclass
class World:
    """What is known of the world of one API key.

    Of settings and clock all states are kept that are possible. A read leaves one, but not where
    the doubt is the store's: it may have what the server was not told of, until the next change.
    """

    key: str
    files: list[StoredFile] = field(default_factory=list)
    tasks: dict[str, Task] = field(default_factory=dict)
    creates: list[IdempotentCreate] = field(default_factory=list)
    doubtful_names: set[str] = field(default_factory=set)
    doubtful_prompts: set[str] = field(default_factory=set)
    settings: list[dict[str, float]] = field(default_factory=lambda: [{}])
    clocks_ahead: list[float] = field(default_factory=lambda: [0.0])
    """By how many seconds its clock may be ahead of the real time."""
    doubts_of_store: set[str] = field(default_factory=set)
    """Which of the two the store may have in another state than the server."""

    @property
    def stored_bytes(self) -> int:
        """The bytes of all acknowledged uploads."""
        return sum(each.picture.size for each in self.files)

    def change_settings(self, change: Mapping[str, float]) -> None:
        """Note a change of settings that was acknowledged."""
        self.settings = [{**each, **change} for each in self.settings]
        self.doubts_of_store.discard(SETTINGS)

    def doubt_settings(self, change: Mapping[str, float], *, of_store: bool = False) -> None:
        """Note that settings may have been changed."""
        self.settings += [{**each, **change} for each in self.settings]
        self.doubts_of_store |= {SETTINGS} if of_store else set()

    def see_settings(self, seen: Mapping[str, float]) -> bool:
        """Return whether these settings are possible, and note them."""
        is_possible = dict(seen) in self.settings
        if not is_possible or SETTINGS not in self.doubts_of_store:
            self.settings = [dict(seen)]
        return is_possible

    def advance_clock(self, seconds: float) -> None:
        """Note that the clock was advanced."""
        self.clocks_ahead = [each + seconds for each in self.clocks_ahead]
        self.doubts_of_store.discard(CLOCK)

    def doubt_advance(self, seconds: float, *, of_store: bool = False) -> None:
        """Note that the clock may have been advanced."""
        self.clocks_ahead += [each + seconds for each in self.clocks_ahead]
        self.doubts_of_store |= {CLOCK} if of_store else set()

    def see_clock(self, now: float, tolerance: float) -> bool:
        """Return whether the clock may show this, and note it. All in seconds."""
        ahead = now - time.time()
        is_possible = any(abs(each - ahead) <= tolerance for each in self.clocks_ahead)
        if not is_possible or CLOCK not in self.doubts_of_store:
            self.clocks_ahead = [ahead]
        return is_possible

    def problems_of_names(self, listed: list[str]) -> list[tuple[str, str]]:
        """Compare the names of listed files; return (kind of finding, what is wrong)."""
        expected = {each.picture.name for each in self.files}
        return _compare("file", listed, expected, self.doubtful_names)

    def problems_of_prompts(self, listed: list[str]) -> list[tuple[str, str]]:
        """Compare the prompts of listed tasks, likewise."""
        expected = {each.prompt for each in self.tasks.values()}
        return _compare("task", listed, expected, self.doubtful_prompts)


def _compare(
    noun: str, listed: list[str], expected: set[str], doubtful: set[str]
) -> list[tuple[str, str]]:
    found = set(listed)
    problems = [("lost", f"{noun} {name!r} is not listed") for name in sorted(expected - found)]
    ghosts = sorted(found - expected - doubtful)
    problems += [("ghost", f"{noun} {name!r} was refused, or never sent") for name in ghosts]
    twice = sorted(name for name in found - doubtful if listed.count(name) > 1)
    problems += [("ghost", f"{noun} {name!r} is listed twice") for name in twice]
    return problems
