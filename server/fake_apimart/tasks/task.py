"""A task as it is stored: everything that its state and its answers are derived from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from fake_apimart.common.stored_json import Amount, Count, Milliseconds, StorageKey, Text
from fake_apimart.go.json import marshal

_MILLISECONDS_PER_SECOND = 1000

Side = Annotated[int, Field(ge=1, le=100_000)]
"""In pixels."""


@dataclass(frozen=True, slots=True)
class Task:
    """A plan, written once. It ends after `seconds` or after `polls`, whichever comes later."""

    id: str
    world: str
    """The name of the world that it belongs to: a hash of the API key."""
    created_ms: Milliseconds
    """In Unix milliseconds, by the world's clock."""
    seconds: Amount
    polls: Count
    failure: Text | None
    """The message of a task that fails, or None if it completes."""
    model: Text
    prompt: Text
    seed: int | None
    width: Side
    height: Side
    output_format: str
    image_keys: tuple[StorageKey, ...]
    """The storage keys of the results, drawn or not."""
    reference_keys: tuple[StorageKey, ...]
    """The storage keys of the references that are our own files, in the request's order."""
    cost: Amount
    estimated_time: Count
    """What polls state, in seconds."""
    webhook: Text | None = None
    base_url: Text = ""
    """What URLs in the callback begin with."""

    @property
    def created(self) -> int:
        """The time of creation in Unix seconds."""
        return self.created_ms // _MILLISECONDS_PER_SECOND

    @property
    def planned_end_ms(self) -> int:
        """The end in Unix milliseconds, unless the task still waits for polls then."""
        return self.created_ms + round(self.seconds * _MILLISECONDS_PER_SECOND)

    @property
    def earliest_end_ms(self) -> int:
        """The first millisecond at which polls may state it as completed."""
        end = self.planned_end_ms
        is_reached = (end - self.created_ms) / _MILLISECONDS_PER_SECOND >= self.seconds
        return end if is_reached else end + 1

    def to_json(self) -> bytes:
        return marshal({name: getattr(self, name) for name in _FIELDS})


_FIELDS = tuple(field.name for field in dataclasses.fields(Task))


TASK = TypeAdapter(Task)
"""The shape of a task as it is stored."""
