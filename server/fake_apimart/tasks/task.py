"""A task as it is stored: everything that its state and its answers are derived from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from fake_apimart.common.redaction import redacted_urls
from fake_apimart.common.stored_json import Amount, Count, Milliseconds, StorageKey, Text
from fake_apimart.common.texts import kept
from fake_apimart.contract.file_url import moved_key
from fake_apimart.go.json import marshal

_MILLISECONDS_PER_SECOND = 1000
_NANOSECONDS_PER_MILLISECOND = 1_000_000

Side = Annotated[int, Field(ge=1, le=100_000)]
"""In pixels."""


@dataclass(frozen=True, slots=True)
class Task:
    """A plan, written once unless a test ends it.

    It ends after `seconds` or after `polls`, whichever comes later.
    """

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

    def ended_at(self, now_ms: int, failure: str | None) -> Task:
        """Return the plan of a task that ends at `now_ms`, in Unix milliseconds, and needs no poll.

        It fails with a message, or completes where that is None.
        """
        elapsed_ms = max(0, now_ms - self.created_ms)
        end_ns = (self.created_ms + elapsed_ms) * _NANOSECONDS_PER_MILLISECOND
        return dataclasses.replace(
            self,
            seconds=elapsed_ms / _MILLISECONDS_PER_SECOND,
            polls=0,
            failure=failure_message(failure),
            image_keys=tuple(moved_key(key, end_ns) for key in self.image_keys),
        )

    def to_json(self) -> bytes:
        return marshal({name: getattr(self, name) for name in _FIELDS})


def failure_message(failure: str | None) -> str | None:
    """Return the message of a task that fails: without secrets, since it is posted to webhooks.

    One that begins with `http` gets a prefix: clients take it for the result (live clients).
    """
    if failure is None:
        return None
    message = kept(redacted_urls(kept(failure)))
    return f"failed: {message}" if message.lower().startswith("http") else message


_FIELDS = tuple(field.name for field in dataclasses.fields(Task))


TASK = TypeAdapter(Task)
"""The shape of a task as it is stored."""
