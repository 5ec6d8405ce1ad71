"""The settings that a world can override; the server's own apply to the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from fake_apimart.settings.settings import Settings
from fake_apimart.worlds.outcome import Outcome

Overrides = Mapping[str, Any]
"""Values by setting name that replace those of the parent."""


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """A subset of Settings, with the same names and meanings. Times are seconds."""

    task_seconds: float
    task_polls: int
    task_failure: str
    balance: float
    rate_limit: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the server's own."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})

    def with_overrides(self, overrides: Overrides) -> WorldSettings:
        """Return these settings with `overrides` applied."""
        return replace(self, **overrides) if overrides else self

    @property
    def outcome(self) -> Outcome:
        """The outcome of tasks, unless a request asks for another."""
        return Outcome(self.task_seconds, self.task_polls, self.task_failure or None)
