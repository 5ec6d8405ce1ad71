"""A task as it is stored: everything that its state and its answers are derived from."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from fake_apimart.go.json import marshal

_MILLISECONDS_PER_SECOND = 1000


@dataclass(frozen=True, slots=True)
class Task:
    """A plan, written once. It ends after `seconds` or after `polls`, whichever comes later."""

    id: str
    world: str
    """The name of the world that it belongs to: a hash of the API key."""
    created_ms: int
    """In Unix milliseconds, by the world's clock."""
    seconds: float
    polls: int
    failure: str | None
    """The message of a task that fails, or None if it completes."""
    model: str
    prompt: str
    seed: int | None
    width: int
    height: int
    output_format: str
    image_keys: tuple[str, ...]
    """The storage keys of the results, drawn or not."""
    reference_keys: tuple[str, ...]
    """The storage keys of the references that are our own files, in the request's order."""
    cost: float
    estimated_time: int
    """What polls state, in seconds."""
    webhook: str | None = None
    base_url: str = ""
    """What URLs in the callback begin with."""

    @property
    def created(self) -> int:
        """The time of creation in Unix seconds."""
        return self.created_ms // _MILLISECONDS_PER_SECOND

    @property
    def planned_end_ms(self) -> int:
        """The end in Unix milliseconds, unless the task still waits for polls then."""
        return self.created_ms + round(self.seconds * _MILLISECONDS_PER_SECOND)

    def to_json(self) -> bytes:
        return marshal(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: bytes) -> Task:
        fields: dict[str, Any] = json.loads(text)
        fields["image_keys"] = tuple(fields["image_keys"])
        fields["reference_keys"] = tuple(fields["reference_keys"])
        return cls(**fields)
