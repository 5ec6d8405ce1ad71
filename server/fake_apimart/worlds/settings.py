"""What a world may have of its own among the settings; where it has nothing, the server's holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from fake_apimart.common.settings import Settings
from fake_apimart.worlds.outcome import Outcome

Changes = Mapping[str, Any]
"""Settings by name that differ from those below them."""


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """Named and meant as in Settings. Times are seconds."""

    task_seconds: float
    task_polls: int
    task_failure: str
    balance: float
    rate_limit: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The server's own."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})

    def changed(self, changes: Changes) -> WorldSettings:
        """These, but for what `changes` says otherwise."""
        return replace(self, **changes) if changes else self

    @property
    def outcome(self) -> Outcome:
        """How tasks go unless a request says otherwise."""
        return Outcome(self.task_seconds, self.task_polls, self.task_failure or None)
