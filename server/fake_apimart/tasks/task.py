"""A task as it is stored: everything that its course and its answers are derived from."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Task:
    """A plan, written once. Times are milliseconds since the Unix epoch."""

    id: str
    world: str
    """Whose task it is: a hash of the API key."""
    created_ms: int
    seconds: float
    polls: int
    failure: str | None
    model: str
    prompt: str
    seed: int | None
    width: int
    height: int
    output_format: str
    image_keys: tuple[str, ...]
    """Where the results lie, or will lie, in the storage."""
    reference_keys: tuple[str, ...]
    """Uploads of ours that the request refers to, in its order."""
    cost: float
    estimated_time: int
    webhook: str | None = None
    base_url: str = ""

    @property
    def created(self) -> int:
        """Unix seconds."""
        return self.created_ms // _MILLISECONDS

    @property
    def planned_end_ms(self) -> int:
        """When the task ends, unless it still waits for polls then."""
        return self.created_ms + round(self.seconds * _MILLISECONDS)

    def to_json(self) -> bytes:
        return json.dumps(dataclasses.asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Task:
        fields: dict[str, Any] = json.loads(text)
        fields["image_keys"] = tuple(fields["image_keys"])
        fields["reference_keys"] = tuple(fields["reference_keys"])
        return cls(**fields)
