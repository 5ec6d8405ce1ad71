"""The latest requests that somebody looks for, kept up to date from one look to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fake_apimart.common.waits import HEAVY_BATCH, pausing
from fake_apimart.worlds.entry import Journaled, Sought
from fake_apimart.worlds.state.journals import Journals
from fake_apimart.worlds.world import World

MAX_TEXT_CHARACTERS = 200
"""The longest text that is looked for."""
MAX_ID_DIGITS = 18
"""The longest id of an entry: one that has more is no entry's."""
_CLASS = "xx"
"""Ends the status of a class of answers: `4xx`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. What is empty is left out; `status` is `429`, `4xx` or `none`."""

    operation: str = ""
    status: str = ""
    text: str = ""

    def includes(self, entry: Sought) -> bool:
        """Return whether an entry has the operation and the status."""
        return self.has_operation(entry) and self._has_status(entry.status)

    def has_operation(self, entry: Sought) -> bool:
        """Return whether an entry has the operation, whatever its answer is or will be."""
        return self.operation in ("", entry.operation)

    def _has_status(self, status: int | None) -> bool:
        said = "none" if status is None else str(status)
        return self.status in ("", said) or (
            self.status.endswith(_CLASS) and self.status[:1] == said[:1] != "n"
        )

    def has_text(self, fields: Mapping[str, Any]) -> bool:
        """Return whether the text stands in an entry, in whatever letters."""
        if not self.text:
            return True
        return self.text.casefold() in json.dumps(fields, ensure_ascii=False).casefold()


@dataclass(frozen=True, slots=True)
class RequestView:
    """An entry of the journal in the control API's form."""

    fields: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(name) from None


class RequestFeed:
    """The latest `limit` entries of a world, or of all, newest first, that are `wanted`.

    What has no answer yet may get one that is wanted, or is no longer: it is read again until it
    has, for as long as it is among the latest `limit` of its kind.
    """

    def __init__(self, journals: Journals, wanted: Wanted, limit: int) -> None:
        self._journals = journals
        self._wanted = wanted
        self._limit = limit
        self._shown: dict[int, RequestView] = {}
        self._open: list[int] = []
        self._since = 0

    async def look(self, world: World | None, *, afresh: bool) -> list[RequestView]:
        """Return what there is now: where it is not `afresh`, of what is old only what it was.

        Raises StateError.
        """
        if afresh:
            self._since, self._shown, self._open = 0, {}, []
        last, waiting = self._since, {*self._open}
        since = min([last, *(entry_id - 1 for entry_id in waiting)])
        found = await self._journals.entries(
            world,
            lambda entry: (
                self._wanted.has_operation(entry) and (entry.id > last or entry.id in waiting)
            ),
            since,
        )
        new = await self._matching([entry for entry in found if self._wanted.includes(entry)])
        kept = {key: each for key, each in self._shown.items() if key not in waiting}
        merged = {**kept, **new}
        self._shown = {key: merged[key] for key in sorted(merged, reverse=True)[: self._limit]}
        self._open = [entry.id for entry in found if entry.status is None][-self._limit :]
        self._since = max([last, *(entry.id for entry in found)])
        return list(self._shown.values())

    async def _matching(self, found: list[Journaled]) -> dict[int, RequestView]:
        matching: dict[int, RequestView] = {}
        async for entry in pausing(reversed(found), HEAVY_BATCH):
            fields = entry.to_json()
            if self._wanted.has_text(fields):
                matching[entry.id] = RequestView(fields)
                if len(matching) == self._limit:
                    break
        return matching


async def request_of(journals: Journals, world: World | None, text: str) -> RequestView | None:
    """Return the entry that a text is the id of, or None where there is none. Raises StateError."""
    if not text.isdecimal() or len(text) > MAX_ID_DIGITS:
        return None
    entry_id = int(text)
    found = await journals.entries(world, lambda entry: entry.id == entry_id, entry_id - 1)
    return RequestView(found[0].to_json()) if found else None


async def answered_with(
    journals: Journals, world: World | None, header: str, value: str
) -> RequestView | None:
    """Return the latest entry whose answer has a header of this value, or None.

    Raises StateError.
    """
    found = await journals.entries(world, lambda entry: entry.status is not None)
    async for entry in pausing(reversed(found), HEAVY_BATCH):
        fields = entry.to_json()
        if (fields["answer"] or {}).get("headers", {}).get(header) == value:
            return RequestView(fields)
    return None
